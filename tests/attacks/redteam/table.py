"""The results as JSON and as the table of docs/redteam.md."""

import json

BEGIN, END = "<!-- table: made by python -m tests.attacks.redteam -->", "<!-- end of the table -->"

HEAD = """# Red team

Attempts to pass off what is not one's own, counted. `make redteam` makes them all, `python -m tests.attacks.redteam --only NAME
--wanted` those of one threat; both go on where they were interrupted. Every verdict is that of the real `verify`, over works that
`create` made with the embedded model. The bound is the exact one-sided 95 % upper bound of the success rate of *this* attack
(Clopper-Pearson); nothing is pooled, and an attack that nobody thought of is in no row. Where several attempts share a picture of
the thief's, the row says so. A row with fewer attempts than are wanted says "of": go on with the command above.

*the victim's* means: the file is authentic, and it is the victim's own claim over the victim's own pixels, in the victim's name;
*refused*: an error of ours came before any verdict; *untouched* and *same work*: the damage changed nothing that counts.
What a coincidence of k bits of seed costs: `python -m tests.attacks.redteam.seed_cost`.

"""

KINDS = {
    "cheap": "Cheap attempts: 1,000 are wanted",
    "picture": "A picture is generated for each attempt: 300 are wanted",
    "optimised": "Something is optimised or trained for each attempt: 30 are wanted",
}


def merge(path, rows, editions=None):
    """Earlier results in the file at ``path`` with ``rows`` in place of those of the same names, sorted by name.

    Where ``rows`` are about another model than earlier ones, those are dropped: one table tells of one model. With
    ``editions``, those of the present threats by name, earlier rows of other editions and other threats are dropped too.
    """
    earlier = json.loads(path.read_text("utf-8"))["threats"] if path.exists() else []
    models = {row["model"] for row in rows}
    known = {row["name"]: row for row in earlier if not models or row["model"] in models}
    if editions is not None:
        known = {name: row for name, row in known.items() if row["edition"] == editions.get(name)}
    known |= {row["name"]: row for row in rows}
    return [known[name] for name in sorted(known)]


def write_json(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"threats": rows}, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write_table(path, rows):
    """Put the table between its marks, and leave what people wrote around it."""
    text = path.read_text("utf-8") if path.exists() else f"{HEAD}{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n{table(rows)}{END}{after}", "utf-8")


def table(rows):
    about = {(row["model"], row["policy"]) for row in rows}
    parts = []
    for kind, title in (*KINDS.items(), (None, "What nothing prevents, measured")):
        chosen = [row for row in rows if (row["kind"] if row["prevented"] else None) == kind]
        if not chosen:
            continue
        parts.append(f"\n## {title}\n\n")
        parts.append("| threat | knows | may spend | does | attempts | breaks | bound | verdicts | stopped by |\n")
        parts.append("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
        parts += [_line(row) for row in chosen]
    if len(about) > 1:
        parts.append("\nNot all rows are about one model and policy; the digests of each row's:\n")
        parts.append("".join(f"\n- {row['name']}: model {row['model']}, policy {row['policy']}" for row in rows) + "\n")
    return "".join(parts) + "\n"


def _line(row):
    short = "" if row["attempts"] >= row["wanted"] else f" of {row['wanted']:,}"
    cells = (
        f"**{row['title']}** (`{row['name']}`)",
        row["knowledge"],
        row["budget"],
        row["method"],
        f"{row['attempts']:,}{short}",
        f"{row['breaks']:,}",
        f"{100 * row['upper_bound_95']:.3g} %",
        _counts(row["verdicts"]),
        _counts(row["stopped"]),
    )
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def _counts(counts):
    return "; ".join(f"{name} ({count:,})" for name, count in counts.items())
