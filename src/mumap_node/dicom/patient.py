"""Patient and study of the source, byte for byte: identity is never altered.

The lists are the Patient, Clinical Trial Subject, General Study, Patient Study and Clinical Trial
Study modules of PS3.3 (C.7.1.1, C.7.1.3, C.7.2.1, C.7.2.2, C.7.2.3), with the attributes retired
from them that archives still match by.
"""

from pydicom import Dataset

from mumap_node.dicom.elements import value
from mumap_node.dicom.verbatim import Alternatives, copy_elements

PATIENT = (
    "ReferencedPatientSequence", "PatientName", "PatientID", "IssuerOfPatientID",
    "TypeOfPatientID", "IssuerOfPatientIDQualifiersSequence",
    "SourcePatientGroupIdentificationSequence", "GroupOfPatientsIdentificationSequence",
    "PatientBirthDate", "PatientBirthTime", "PatientBirthDateInAlternativeCalendar",
    "PatientDeathDateInAlternativeCalendar", "PatientAlternativeCalendar", "PatientSex",
    "QualityControlSubject", "StrainDescription", "StrainNomenclature", "StrainStockSequence",
    "StrainAdditionalInformation", "StrainCodeSequence", "GeneticModificationsSequence",
    "OtherPatientIDs", "OtherPatientNames", "OtherPatientIDsSequence",
    "ReferencedPatientPhotoSequence", "EthnicGroup", "EthnicGroupCodeSequence",
    "PatientSpeciesDescription", "PatientSpeciesCodeSequence", "PatientBreedDescription",
    "PatientBreedCodeSequence", "BreedRegistrationSequence", "ResponsiblePerson",
    "ResponsiblePersonRole", "ResponsibleOrganization", "PatientComments",
    "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
    "ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName",
    "IssuerOfClinicalTrialProtocolID", "OtherClinicalTrialProtocolIDsSequence",
    "ClinicalTrialSiteID", "ClinicalTrialSiteName", "IssuerOfClinicalTrialSiteID",
    "ClinicalTrialSubjectID", "IssuerOfClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID",
    "IssuerOfClinicalTrialSubjectReadingID", "ClinicalTrialProtocolEthicsCommitteeName",
    "ClinicalTrialProtocolEthicsCommitteeApprovalNumber",
)  # fmt: skip

STUDY = (
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "IssuerOfAccessionNumberSequence", "ReferringPhysicianName",
    "ReferringPhysicianIdentificationSequence", "ConsultingPhysicianName",
    "ConsultingPhysicianIdentificationSequence", "StudyDescription", "ProcedureCodeSequence",
    "PhysiciansOfRecord", "PhysiciansOfRecordIdentificationSequence",
    "NameOfPhysiciansReadingStudy", "PhysiciansReadingStudyIdentificationSequence",
    "ReferencedStudySequence", "RequestingService", "RequestingServiceCodeSequence",
    "ReasonForPerformedProcedureCodeSequence",
    "AdmittingDiagnosesDescription", "AdmittingDiagnosesCodeSequence", "PatientAge",
    "PatientSize", "PatientSizeCodeSequence", "PatientBodyMassIndex", "MeasuredAPDimension",
    "MeasuredLateralDimension", "PatientWeight", "MedicalAlerts", "Allergies", "Occupation",
    "SmokingStatus", "AdditionalPatientHistory", "PregnancyStatus", "LastMenstrualDate",
    "PatientSexNeutered", "ReasonForVisit", "ReasonForVisitCodeSequence", "AdmissionID",
    "IssuerOfAdmissionIDSequence", "ServiceEpisodeID", "ServiceEpisodeDescription",
    "IssuerOfServiceEpisodeIDSequence", "PatientState",
    "ClinicalTrialTimePointID", "ClinicalTrialTimePointDescription",
    "LongitudinalTemporalOffsetFromEvent", "LongitudinalTemporalEventType",
    "ClinicalTrialTimePointTypeCodeSequence", "IssuerOfClinicalTrialTimePointID",
    "ConsentForClinicalTrialUseSequence",
)  # fmt: skip

TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""Written empty where the source has none: an absent name is no other name than an empty one."""

_CODE: Alternatives = (
    ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"),
    ("LongCodeValue", "CodingSchemeDesignator", "CodeMeaning"),
    ("URNCodeValue", "CodeMeaning"),
)
"""Code Sequence Macro, PS3.3 8.8."""

_DESIGNATOR: Alternatives = (
    ("LocalNamespaceEntityID",),
    ("UniversalEntityID", "UniversalEntityIDType"),
)
"""HL7v2 Hierarchic Designator Macro, PS3.3 10.17."""

_PERSON: Alternatives = (
    ("PersonIdentificationCodeSequence", "InstitutionName"),
    ("PersonIdentificationCodeSequence", "InstitutionCodeSequence"),
)
"""Person Identification Macro, PS3.3 10.1."""

_REFERENCE: Alternatives = (("ReferencedSOPClassUID", "ReferencedSOPInstanceUID"),)

_NESTED_CODES = (
    "PersonIdentificationCodeSequence", "InstitutionCodeSequence", "EquivalentCodeSequence",
    "StrainSourceRegistryCodeSequence", "BreedRegistryCodeSequence",
    "AssigningJurisdictionCodeSequence", "AssigningAgencyOrDepartmentCodeSequence",
)  # fmt: skip
_DESIGNATORS = (
    "IssuerOfAccessionNumberSequence", "IssuerOfAdmissionIDSequence",
    "IssuerOfServiceEpisodeIDSequence", "AssigningFacilitySequence",
)  # fmt: skip

REQUIRED: dict[str, Alternatives] = {
    "ReferencedPatientSequence": _REFERENCE,
    "ReferencedStudySequence": _REFERENCE,
    "SourcePatientGroupIdentificationSequence": (("PatientID",),),
    "GroupOfPatientsIdentificationSequence": (("PatientID",),),
    "OtherPatientIDsSequence": (("PatientID", "TypeOfPatientID"),),
    "StrainStockSequence": (
        ("StrainStockNumber", "StrainSource", "StrainSourceRegistryCodeSequence"),
    ),
    "GeneticModificationsSequence": (
        ("GeneticModificationsDescription", "GeneticModificationsNomenclature"),
    ),
    "BreedRegistrationSequence": (("BreedRegistrationNumber", "BreedRegistryCodeSequence"),),
    "ReferencedPatientPhotoSequence": (("TypeOfInstances", "ReferencedSOPSequence"),),
    "OtherClinicalTrialProtocolIDsSequence": (
        ("ClinicalTrialProtocolID", "IssuerOfClinicalTrialProtocolID"),
    ),
    "ConsentForClinicalTrialUseSequence": (("ConsentForDistributionFlag",),),
    "ReferringPhysicianIdentificationSequence": _PERSON,
    "ConsultingPhysicianIdentificationSequence": _PERSON,
    "PhysiciansOfRecordIdentificationSequence": _PERSON,
    "PhysiciansReadingStudyIdentificationSequence": _PERSON,
    **dict.fromkeys(_DESIGNATORS, _DESIGNATOR),
    **{keyword: _CODE for keyword in (*PATIENT, *STUDY) if keyword.endswith("CodeSequence")},
    **dict.fromkeys(_NESTED_CODES, _CODE),
}
"""Type 1 attributes by sequence: an item without them would make our object invalid."""


def patient_and_study(source: Dataset) -> Dataset:
    """The Patient and Study modules of the source, with the character set their bytes are in."""
    character_set = ("SpecificCharacterSet",) if value(source, "SpecificCharacterSet") else ()
    copied = copy_elements(source, (*character_set, *PATIENT, *STUDY), REQUIRED)
    for keyword in TYPE_2:
        if keyword not in copied:
            setattr(copied, keyword, None)
    return copied
