"""Every system on one CRM, side by side: the same split, rows and inputs, honest intervals."""
