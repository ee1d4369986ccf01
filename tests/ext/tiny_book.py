"""A book of two short chapters that uses every construct the real one may use.

Nothing is executed: the code cells carry the outputs they would have had.
"""

from __future__ import annotations

import base64
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

REPOSITORY = "https://github.com/someone/tiny"

TOC = """
format: jb-book
root: index
parts:
- caption: Front
  chapters:
  - file: preface
- caption: Chapters
  numbered: true
  chapters:
  - file: chapters/03_attention
  - file: chapters/07_training
- caption: Back
  chapters:
  - file: equations
  - file: bibliography
"""

BIBLIOGRAPHY = r"""
@inproceedings{vaswani2017,
  author = {Vaswani, Ashish and Shazeer, Noam and Parmar, Niki},
  title = {Attention Is All You Need}, booktitle = {NeurIPS}, year = {2017},
  url = {https://arxiv.org/abs/1706.03762}
}
@article{nadaraya1964,
  author = {Nadaraya, E. A.}, title = {On Estimating Regression},
  journal = {Theory of Probability}, year = {1964}, doi = {10.1137/1109020}
}
"""

PAGES = {
    "index.md": "# Tiny book\n\nSee {doc}`chapters/03_attention`.\n",
    "preface.md": "(sec:preface)=\n# Preface\n\n## Why\n\nBecause.\n",
    "equations.md": "# Equations\n\n```{equation-index}\n```\n",
    "bibliography.md": "# Bibliography\n\n```{bibliography}\n```\n",
}

LIBRARY = {
    "lib/llmath/attention.py": '''
def softmax(z) -> Float[Tensor, "S"]:
    """softmax(z)_i = exp(z_i) / sum_j exp(z_j)   {eq:softmax}"""
    return z


def attention_weights(q, k):
    """A = softmax(Q K.T / sqrt(E))   {eq:weights}"""
    return softmax(q @ k.T)
''',
    "lib/llmath/optim.py": '''
class Sgd:
    """theta <- theta - eta grad   {eq:step}"""


def sgd_update(theta, gradient, eta) -> Vector:
    """theta <- theta - eta grad   {eq:step}"""
    return theta - eta * gradient


Vector = Float[Tensor, "D"]
''',
    "lib/llmath/reference/attention.py": """
def softmax(z):
    return z


def attention_weights(q, k):
    return q @ k.T
""",
    "lib/llmath/reference/optim.py": "def sgd_update(theta):\n    return theta\n",
    "tests/test_attention.py": """
from llmath import attention
from llmath.attention import attention_weights as weights

CASES = [weights]


def test_softmax_sums_to_one():
    assert attention.softmax([1]) == [1]


def test_weights():
    assert weights
""",
    "tests/test_optim.py": """
import llmath.optim as o


class TestSteps:
    def test_step(self):
        assert o.sgd_update(1, 2, 3) and o.Sgd
""",
}

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)

OPENING = r"""
(sec:attention)=
# Attention

Each row of $A \in \R^{T \times S}$ is $\softmax(z)$; it costs \$5, or 3 * 4 _units_.
Attention {cite:p}`vaswani2017` is what {cite:t}`nadaraya1964` estimated. A key–value
({abbr}`KV (key and value)`) store[^store] is kept. The [site](https://example.org).

[^store]: Of the *keys* and values, see {eq}`eq:softmax`.
"""

SOFTMAX = r"""
(sec:softmax)=
## Soft lookup

$$
\softmax(z)_i = \frac{e^{z_i}}{\sum_j e^{z_j}}
$$ (eq:softmax)

```{math}
:label: eq:weights
\begin{aligned}
A &= \softmax\left(Q K\T / \sqrt{E}\right) \\
  &= \norm{A}
\end{aligned}
```

```{math}
:label: der:sum
\begin{align}
a &= b % a comment
\end{align}
```

By {eq}`eq:softmax` and {eq}`der:sum`, {prf:ref}`def:softmax` and
{numref}`fig:heat` agree; see {ref}`sec:softmax`, {eq}`eq:step`,
{numref}`Section {number} <sec:training>`, {doc}`07_training`, {ref}`ex:scale` and
{ref}`the preface <sec:preface>`.
"""

BOXES = r"""
````{prf:definition} Soft lookup
:label: def:softmax
Weights $w$ with

$$
\sum_i w_i = 1
$$ (der:one)

- first, `code`
- second:

  $$
  x
  = y
  $$
````

````{prf:proposition}
:label: prop:rows
Rows sum to one.
````

````{prf:proof}
:class: dropdown
By {eq}`der:one`, $p = 1$.
````

````{exercise} Scale
:label: ex:scale
★ Why $\sqrt{E}$ in {eq}`eq:weights`?
````

````{solution} ex:scale
:label: sol:scale
:class: dropdown
The variance is $E$.

```python
print("E")
```
````

````{prf:proof}
Without a cover, $q = 0$.
````
"""

BLOCKS = r"""
:::{note}
A note with **bold** text.

> and a quotation
:::

:::{admonition} What is often said
:class: tip
The rows of `A` sum to one.
:::

:::{dropdown} More
Hidden until asked for.
:::

```{margin} Aside
In the margin.
```

````{tab-set}
```{tab-item} NumPy
`q @ k.T`
```
```{tab-item} PyTorch
`q @ k.mT`
```
````

```{figure} heat.png
:name: fig:heat
:alt: One pixel [red] for $x$
:width: 60%

A *heat* map of $|A|$.
```

```{table} Letters
:name: tab:letters

| letter | meaning      |
|--------|-------------:|
| $A$    | size \| norm |
| B      | batch        |
```

```{list-table}
:header-rows: 1

* - name
  - $|x|$
* - a
  - - one
    - two
```

Term
: A definition with $x$.

Run `git log` then {kbd}`Ctrl+C`, H{sub}`2`O, x{sup}`2`, {numref}`tab:letters`.

1. one
2. two
   - nested

```{code-block} python
:caption: A listing
print("```")
```

<b>raw</b> html

<!-- a comment -->

---

```{epigraph}
Attend.

-- Someone
```
"""

RESULTS = r"""
The loss is {glue:text}`loss:.2f` nats; the name is {glue}`name`.

```{glue:figure} picture
:name: fig:glued

A glued picture.
```

> The gated exercise follows.
"""

GATED = (
    "```{exercise-start} With code\n:label: ex:gated\n```\nRun this.",
    "mine = 1",
    "```{exercise-end}\n```",
    "```{solution-start} ex:gated\n:label: sol:gated\n:class: dropdown\n```\nThus:",
    "mine = 2",
    "```{solution-end}\n```",
)

TRAINING = r"""
(sec:training)=
# Training

## Descent

$$
\theta \leftarrow \theta - \eta \nabla \loss
$$ (eq:step)

Compare {eq}`eq:softmax` and {prf:ref}`prop:rows` of {ref}`sec:attention`.

```{prf:definition}
:label: def:step
A step is a step.
```

```{prf:definition}
:label: def:rate
So is a rate.
```
"""


def glued(name: str, data: dict) -> nbformat.NotebookNode:
    """The output of `glue(name, value)`."""
    record = {"scrapbook": {"name": name, "mime_prefix": ""}}
    return new_output("display_data", data=data, metadata=record)


def cells_of_attention() -> list:
    png = base64.b64encode(PIXEL).decode()
    code = new_code_cell
    results = [
        glued("loss", {"text/plain": "3.0763"}),
        glued("name", {"text/plain": "'SmolLM2'"}),
        glued("picture", {"image/png": png, "text/plain": "<Figure>"}),
    ]
    gated = [
        code(text) if text.startswith("mine") else new_markdown_cell(text)
        for text in GATED
    ]
    return [
        code("import torch", metadata={"tags": ["remove-cell"]}),
        new_markdown_cell(OPENING.strip()),
        new_markdown_cell(SOFTMAX.strip()),
        code("x = 1\nprint(x)", outputs=[new_output("stream", text="1\n")]),
        code("y = 2", metadata={"tags": ["hide-input"]}),
        new_markdown_cell(BOXES.strip()),
        new_markdown_cell(BLOCKS.strip()),
        code("glue('loss', 3.0763)", outputs=results),
        new_markdown_cell(RESULTS.strip()),
        *gated,
        code("z = 3", metadata={"tags": ["remove-input", "remove-output"]}),
        new_markdown_cell("The end."),
    ]


def notebook(cells: list, **metadata) -> nbformat.NotebookNode:
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel} | metadata)


def write(folder: Path) -> Path:
    """Writes the book's sources, its library and its tests into a new folder."""
    (folder / "chapters").mkdir(parents=True)
    for name, text in {**PAGES, **LIBRARY}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf8")
    (folder / "_toc.yml").write_text(TOC, "utf8")
    (folder / "references.bib").write_text(BIBLIOGRAPHY, "utf8")
    (folder / "requirements-data.txt").write_text("some-weights==1.2.3  # big\n")
    (folder / "chapters" / "heat.png").write_bytes(PIXEL)
    settings = {"gpu": "nothing in this chapter", "data": ["some-weights"]}
    chapters = {
        "03_attention": notebook(cells_of_attention(), llmath=settings),
        "07_training": notebook([new_markdown_cell(TRAINING.strip())]),
    }
    for name, chapter in chapters.items():
        nbformat.write(chapter, folder / "chapters" / f"{name}.ipynb")
    return folder
