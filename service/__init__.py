"""Provisioning Insights: answers over Microsoft Entra provisioning logs."""
