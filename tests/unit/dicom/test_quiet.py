"""pydicom's words quote patient data; none of them gets out."""

import logging
import warnings

import pytest

from mumap_node.dicom.quiet import quiet


def test_warnings_and_logs_of_pydicom_are_dropped(caplog):
    with quiet():
        warnings.warn("SECRET", UserWarning, stacklevel=1)
        logging.getLogger("pydicom").error("SECRET")

    assert "SECRET" not in caplog.text


def test_afterwards_warnings_and_logs_are_as_before(caplog):
    with quiet(), quiet():
        pass

    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)
    logging.getLogger("pydicom").error("heard")
    assert "heard" in caplog.text


def test_an_exception_ends_the_silence_too(caplog):
    with pytest.raises(ValueError, match="expected"), quiet():
        raise ValueError("expected")

    logging.getLogger("pydicom").error("heard")
    assert "heard" in caplog.text
