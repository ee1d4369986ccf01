"""What benchmarks/gpu.py found, as it is read in a terminal"""

from agreement import Row


def show(result: Row) -> None:
    for row in [*result.get("differences", []), *result.get("compiled", [])]:
        show_logits(row)
    for row in result.get("speed", []):
        about = f"{row['model']:20} {row['dtype']:8} {row['task']:8}"
        print(f"{about} {row['contender']:28} {speed(row)}")
    show_training(result["training"])
    if loop := result["loop"]:
        of_bare = "of_bare" in loop and f"; {loop['of_bare']:.0%} of the bare step's"
        print(f"python -m llmath.train: {speed(loop)}{of_bare or ''}")
    for row in result["tests"] or []:
        print(f"{row['outcome']:8} {row['test']} {row.get('why', '')}")
    for row in result["failed"]:
        print(f"NOT done: {row['part']}: {row['why']}")
    for name in result["left_out"]:
        print(f"left out, as it was asked: {name}")


def show_logits(row: Row) -> None:
    name = f"{row['model']:20} {row['dtype']:8} {row.get('impl', ''):8}"
    kind = f"compiled ({row['backend']})" if "backend" in row else "eager"
    said = row.get("failed") or row.get("left_out")
    if said is None:
        said = f"off by {row['error']:.1e} of at most {row['tolerance']:.0e}"
    print(f"{name} {kind:20} {'holds' if row.get('holds') else 'NOT':5} {said}")


def show_training(found: Row | None) -> None:
    if found is None:
        return
    if "left_out" in found:
        print(f"training: {found['left_out']}")
        return
    peak = f"{found['peak']['flops'] / 1e12:,.1f} TFLOP/s ({found['peak']['source']})"
    print(f"training in {found['dtype']}, T = {found['T']}; the peak is {peak}")
    for row in found["rows"]:
        print(f"{row['contender']:28} B = {row.get('B', '–'):<4} {speed(row)}")
    if found["ours_over_theirs"] is not None:
        print(f"llmath is {found['ours_over_theirs']:.2f} times as fast")


def speed(row: Row) -> str:
    """Its speed and what it took; or why there is none."""
    if said := row.get("failed") or row.get("left_out"):
        return said
    if "tokens_per_second" not in row:
        off = f"{row['error']:.1e} of at most {row['tolerance']:.0e}"
        return f"not timed: it does not compute the same ({off})"
    spread = f"({row['slowest']:,.0f}–{row['fastest']:,.0f})"
    taken = row.get("working_bytes")
    peak = "" if taken is None else f" {taken / 2**20:8.0f} MiB"
    mfu = f" MFU {row['mfu']:.1%}" if "mfu" in row else ""
    return f"{row['tokens_per_second']:12,.0f} tokens/s {spread}{peak}{mfu}"
