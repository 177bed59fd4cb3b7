"""What is wrong between the service and its logs, found step by step and said in words."""

from service.doctor.examination import examine, settings_refused
from service.doctor.finding import Finding

__all__ = ["Finding", "examine", "settings_refused"]
