"""Templates that destinations name, from their files."""

from pathlib import Path

from mumap_node.dicom.template import Template, parse_template
from mumap_node.errors import ConfigurationError


def read_template(path: Path) -> Template:
    """Read a template a site reviewed.

    Raises:
        ConfigurationError: ``template-not-readable`` or ``template-invalid``.
    """
    try:
        return parse_template(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        problem = f"expected a readable template {path}: {why}"
        raise ConfigurationError("template-not-readable", [problem]) from None
    except ConfigurationError as error:
        problems = [f"{path}: {problem}" for problem in error.problems]
        raise ConfigurationError(error.reason, problems) from None
