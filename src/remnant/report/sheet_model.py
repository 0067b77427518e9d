"""Which model a decision sheet is of: its name, its files by their hashes, and the layer that was read."""

from remnant.base.findings import LAYER, TABLE_SHA256, AuditResults
from remnant.base.texts import short

NAME, LINE = 60, 110  # characters of a name, of a line
HASHES, BEGINNING = 5, 8  # of several files: how many hashes are begun, and how many digits of each


def model_lines(results: AuditResults) -> dict[str, str]:
    """The sheet's lines on the model; an empty text is a line to fill in by hand."""
    about, model = results.about, results.model
    return {
        "Model": _name(results),
        "Version": short(about.get("version") or model.get("version") or "", NAME),
        "Purpose": about.get("purpose", ""),
        **_sha256(results),
        **_layer(results),
    }


def _name(results: AuditResults) -> str:
    """As the owner calls it, else its name with its architecture: two models of one data set have one name."""
    if own := results.about.get("model"):
        return short(own, NAME)
    name, architecture = (str(results.model.get(key) or "") for key in ("name", "architecture"))
    return short(f"{short(name, NAME)} ({architecture})" if name and architecture not in ("", name) else name, LINE)


def _sha256(results: AuditResults) -> dict[str, str]:
    """Of the model's file, or the table of scores; of several files of one release each by its beginning; no line, which nobody
    can fill in by hand, where nothing was handed over."""
    if table := results.model.get(TABLE_SHA256):
        return {"SHA-256": f"{short(str(table), 64)} (table of scores)"}
    files = list(results.checkpoints.values())
    told = results.model.get("sha256")
    # Of the models of all folds an older version told the first one's alone.
    together = str(results.model.get("released", "")).startswith("all ")
    if len(files) > 1 and (together or not told):
        begun = ", ".join(one[:BEGINNING] for one in files[:HASHES])
        more = f" and {len(files) - HASHES} more" if len(files) > HASHES else ""
        return {"SHA-256": f"of {len(files)} files: {begun}{more} (in full: annex)"}
    return {"SHA-256": short(str(told or files[0]), 64)} if told or files else {}


def _layer(results: AuditResults) -> dict[str, str]:
    """Of whose output the latents are, or what else was read; nothing where no layer was."""
    if not (name := results.model.get(LAYER)):
        return {}
    asked = (results.settings.get("target") or {}).get("latents")
    narrowest = ", the narrowest" if results.scenario.name == "latents" and not asked else ""
    return {"Layer read": f"{short(str(name), NAME)}{narrowest}"}
