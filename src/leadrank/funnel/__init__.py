"""CRM rows -> lead table: stages, horizon, maturity, validation, splits."""

from leadrank.funnel.check import describe
from leadrank.funnel.crm_file import dump_crm_file, load_crm_file
from leadrank.funnel.crm_keys import CrmFile
from leadrank.funnel.draft import draft_crm_file
from leadrank.funnel.funnel import Funnel
from leadrank.funnel.lead_table import LeadTable, TableReport, read_lead_table
from leadrank.funnel.validate import UnusableRowsError

__all__ = [
    "CrmFile",
    "Funnel",
    "LeadTable",
    "TableReport",
    "UnusableRowsError",
    "describe",
    "draft_crm_file",
    "dump_crm_file",
    "load_crm_file",
    "read_lead_table",
]
