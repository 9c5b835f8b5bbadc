"""Lay out the pages of the documentation site, and build it: `make docs`. Nothing is fetched.

    python .ci/site.py [FOLDER]     pages into FOLDER/pages, the site into FOLDER/html; by default `.site`

The pages are those of docs/. The README becomes the first page, and links that lead out of docs/ are turned to copies,
so that each works here as it does in a view of the repository. The page of all settings is generated from code.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from ocrmill.configs.load import print_settings
from ocrmill.configs.settings import RunSettings

ROOT = Path(__file__).parents[1]
SITE = ".site"
FILES = "files"  # copies of what pages link to beside the pages
NO_MERMAID = """// not installed: diagrams stay text, as none is ever drawn
var mermaid = { initialize() {}, render() { return new Promise(() => {}) } }
"""
MERMAID = ROOT / ".venv/mermaid/package/dist/mermaid.min.js"  # draws the diagrams; `make docs` fetches it
_AT_THE_TOP = {"README.md": "index.md", **{name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")}}
_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_LANGUAGES = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".py": "python", ".toml": "toml", ".service": "ini"}


def main() -> None:
    """Build the site."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / SITE).absolute()
    lay_out(folder / "pages")
    build(folder)
    sys.stdout.write(f"the site is in {folder / 'html'}\n")


def lay_out(pages: Path) -> None:
    """Write all pages into a folder, in place of what is there."""
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    for source, name in _sources():
        target = pages / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            target.write_text(_turned(source, name, pages))
        else:
            shutil.copyfile(source, target)
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    (pages / "decisions/index.md").write_text(_list_of("Decisions", decisions))
    (pages / "all-settings.md").write_text(_all_settings())
    (pages / "settings.schema.json").write_text(json.dumps(RunSettings.model_json_schema(), indent=1))
    (pages / "assets").mkdir(exist_ok=True)
    if MERMAID.exists():
        shutil.copyfile(MERMAID, pages / "assets/mermaid.min.js")
    else:
        (pages / "assets/mermaid.min.js").write_text(NO_MERMAID)


def build(folder: Path) -> None:
    """Build the site from the pages; any warning is an error."""
    config = folder / "mkdocs.yml"  # its folders are relative to it
    config.write_text((ROOT / "mkdocs.yml").read_text().replace(f": {SITE}/", ": "))
    shutil.rmtree(folder / "html", ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "--config-file", config]
    subprocess.run(command, cwd=folder, check=True)


def _sources() -> Iterator[tuple[Path, str]]:
    """Yield the files that are pages or pictures, and their names in the site."""
    for name, target in _AT_THE_TOP.items():
        yield ROOT / name, target
    for path in sorted((ROOT / "docs").rglob("*")):
        if path.is_file():
            yield path, path.relative_to(ROOT / "docs").as_posix()


def _turned(source: Path, name: str, pages: Path) -> str:
    """Return the text of a page, its links turned to where things are in the site."""
    depth = "../" * name.count("/")

    def turned(found: re.Match[str]) -> str:
        opening, target, anchor, closing = found[1], unquote(found[2]), found[3] or "", found[4]
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        path = (source.parent / target).resolve().relative_to(ROOT)
        return f"{opening}{depth}{_place(path, pages)}{anchor}{closing}"

    text = source.read_text()
    parts, done = [], 0
    for fence in _FENCE.finditer(text):
        parts += [_LINK.sub(turned, text[done : fence.start()]), fence[0]]
        done = fence.end()
    return "".join([*parts, _LINK.sub(turned, text[done:])])


def _place(path: Path, pages: Path) -> str:
    """Return the place of a file of the repository in the site; one that is no page is copied there."""
    if str(path) in _AT_THE_TOP:
        return _AT_THE_TOP[str(path)]
    if path.parts[0] == "docs":
        inside = path.relative_to("docs").as_posix()
        return f"{inside}/index.md" if (ROOT / path).is_dir() else inside
    if (ROOT / path).is_dir():
        page = Path(FILES, path, "index.md")
        (pages / page).parent.mkdir(parents=True, exist_ok=True)
        (pages / page).write_text(_shown(path))
        return page.as_posix()
    copy = pages / FILES / path
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / path, copy)
    return f"{FILES}/{path.as_posix()}"


def _shown(folder: Path) -> str:
    """Return a page that shows the files of a folder."""
    parts = [f"# {folder}\n"]
    for path in sorted((ROOT / folder).rglob("*")):
        if path.is_file() and path.suffix != ".json":
            language = _LANGUAGES.get(path.suffix, "")
            parts.append(f"## {path.relative_to(ROOT)}\n\n````{language}\n{path.read_text()}````\n")
    return "\n".join(parts)


def _list_of(title: str, pages: list[Path]) -> str:
    names = [(path.name, path.read_text().splitlines()[0].removeprefix("# ")) for path in pages]
    return f"# {title}\n\n" + "".join(f"- [{heading}]({name})\n" for name, heading in names)


def _all_settings() -> str:
    """Return the page of all settings, from the code that reads them."""
    return (
        "# All settings\n\nGenerated from the code: each setting with its meaning and its default, as `ocrmill run "
        "--print-config` prints them. [settings.md](settings.md) says how files of them are merged; "
        "[settings.schema.json](settings.schema.json) is their JSON Schema, for editors.\n\n"
        f"```toml\n{print_settings(RunSettings())}```\n"
    )


if __name__ == "__main__":
    main()
