"""The tiny book's extension that knows the macros; KaTeX is not what is tested here."""


def setup(app):
    app.add_config_value("math_macros", {}, "env", dict)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
