"""The path of the data, one file per arrow. A file imports only from lines above it.

notation.py     the letters: axes of tensors and quantities, one table
border/         arguments → nothing, or a ValueError that says what is needed
config.py       one frozen description of a model, checked when it is made
probe.py        named activations, read while the model runs
runtime/        device, dtype, chance and provenance: what a run stands on
tokenizer/      text → ids: byte-level byte-pair encoding
data/           ids → batches (x, y): what a model reads, and what it should have said
embedding.py    ids, positions → vectors: a row of a table for each token
rope.py         positions → rotations of queries and keys
norm.py         vectors → vectors of one length
cache.py        keys and values of the tokens read so far
attention.py    vectors → vectors, each token looking at the others
mlp.py          vectors → vectors, each token by itself
block.py        vectors → vectors: two additions to the residual stream
model.py        ids → logits
loss.py         logits, targets → loss, in nats
gradient.py     loss → gradient
optim/          gradient → update
schedule.py     step → learning rate
checkpoint/     weights, optimizer, chance and data position ↔ disk
pretrained/     file → (model, tokenizer)
words/          word → vector: published ones, and what people say of words
sampling.py     logits → chances → the next id
generate.py     logits → next id → text, one token at a time
scaling/        ledgers: what a model holds, computes and keeps, counted part by part
interpret/      activations → measurements
reference/      the same formulas in plain NumPy float64
swap.py         a reader's function → a place in the running model
train/          text → a trained model: the loop
mistakes/       exercise → the right answer, and the usual wrong ones
exercise/       a reader's function → a verdict
viz/            arrays → figures
"""
