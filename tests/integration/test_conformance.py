"""What an association negotiates is what the conformance statement says."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydicom.uid import (
    UID,
    AllTransferSyntaxes,
    CTImageStorage,
    NuclearMedicineImageStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE, build_context
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from conformance_tables import BLOCK
from peers import HOST
from receivers import Receiving, receiving

STATEMENT = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
TABLES = {name: text for text, name, _ in (m.group(0, 2, 3) for m in BLOCK.finditer(STATEMENT))}

SYNTAXES = re.findall(r"`(1[.\d]+)`", TABLES["transfer-syntaxes"])
"""Transfer syntaxes of the statement, best first."""

CLASSES = {
    UID(uid) for uid in re.findall(r"`(1[.\d]+)` \| SCP \| always", TABLES["sop-classes"])
} - {Verification}
"""Storage classes the statement says are always taken."""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Receiving]:
    with receiving(tmp_path / "spool") as running:
        yield running


def negotiated(
    node: Receiving, contexts: Sequence[PresentationContext], called: str = "MUMAP"
) -> Association:
    """An association as it was answered; it is over."""
    ae = AE("CAMERA")
    ae.acse_timeout = 10
    association = ae.associate(HOST, node.port, contexts=list(contexts), ae_title=called)
    association.release()
    return association


@pytest.mark.parametrize(
    "sop_class",
    [
        NuclearMedicineImageStorage, CTImageStorage, ParametricMapStorage,
        SecondaryCaptureImageStorage,
    ],
    ids=lambda uid: uid.keyword,
)  # fmt: skip
def test_of_all_transfer_syntaxes_there_are_those_of_the_statement_are_taken(node, sop_class):
    """One context for each, so that nothing hides behind a choice."""
    contexts = [build_context(sop_class, syntax) for syntax in AllTransferSyntaxes]
    # One that is always taken: pynetdicom ends an association without any.
    association = negotiated(node, [build_context(Verification), *contexts])

    taken = {
        context.transfer_syntax[0]
        for context in association.accepted_contexts
        if context.abstract_syntax == sop_class
    }

    assert taken == (set(SYNTAXES) if sop_class in CLASSES else set())


@pytest.mark.parametrize("best", range(len(SYNTAXES)))
def test_of_several_in_one_context_the_first_of_the_statement_is_chosen(node, best):
    """Whatever order the peer proposes them in."""
    proposed = [UID(uid) for uid in reversed(SYNTAXES[best:])]

    association = negotiated(node, [build_context(NuclearMedicineImageStorage, proposed)])

    (context,) = association.accepted_contexts
    assert context.transfer_syntax == [SYNTAXES[best]]


def test_verification_is_taken_in_the_first_four(node):
    contexts = [build_context(Verification, syntax) for syntax in AllTransferSyntaxes]

    taken = {c.transfer_syntax[0] for c in negotiated(node, contexts).accepted_contexts}

    assert taken == set(SYNTAXES[:4])


def test_the_node_says_of_itself_what_the_statement_says(node):
    acceptor = negotiated(node, [build_context(Verification)]).acceptor

    assert acceptor.primitive is not None
    assert f"| `{acceptor.implementation_class_uid}` |" in TABLES["associations"]
    assert f"| `{acceptor.implementation_version_name}` |" in TABLES["associations"]
    assert f"| {acceptor.maximum_length} bytes |" in TABLES["associations"]
    assert not acceptor.asynchronous_operations[0] > 1
    assert acceptor.user_identity is None


def test_a_wrong_called_ae_title_is_rejected_as_the_statement_says(node):
    association = negotiated(node, [build_context(Verification)], called="OTHER")

    primitive = association.acceptor.primitive
    assert primitive is not None
    row = next(line for line in TABLES["rejections"].splitlines() if "called AE title |" in line)
    numbers = re.findall(r"\| (\d)", row)
    assert numbers == [
        str(primitive.result),
        str(primitive.result_source),
        str(primitive.diagnostic),
    ]
