from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import UID
from pynetdicom.dimse_messages import C_STORE_RSP
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode

from mumap_node.node.receiver.stepping import encode_store_response

UIDS = st.from_regex(r"[0-9](\.[1-9][0-9]{0,4}){1,8}", fullmatch=True)


def response(class_uid: str, instance_uid: str, message_id: int, status: int) -> C_STORE:
    primitive = C_STORE()
    primitive.AffectedSOPClassUID = UID(class_uid)
    primitive.AffectedSOPInstanceUID = UID(instance_uid)
    primitive.MessageIDBeingRespondedTo = message_id
    primitive.Status = status
    return primitive


@settings(max_examples=50, deadline=None)
@given(UIDS, UIDS, st.integers(0, 0xFFFF), st.sampled_from([0x0000, 0x0110, 0x0122, 0xA700]))
def test_an_answer_is_what_pynetdicom_would_write(
    class_uid: str, instance_uid: str, message_id: int, status: int
) -> None:
    primitive = response(class_uid, instance_uid, message_id, status)
    message = C_STORE_RSP()
    message.primitive_to_message(primitive)
    assert encode_store_response(primitive) == encode(
        message.command_set, is_implicit_vr=True, is_little_endian=True
    )
