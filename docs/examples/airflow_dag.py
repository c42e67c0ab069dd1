"""An Airflow DAG (Airflow 3, apache-airflow-providers-papermill) that runs one flowkit notebook a day.

The operator runs papermill: the result is an executed notebook, not a page. For pages, findings.json and exit
codes call `flowkit report` from a BashOperator, which the second task does.
"""

from datetime import datetime

from airflow import DAG
from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.timetables.interval import CronDataIntervalTimetable

from flowkit.loading.sample import NOTEBOOKS

# Airflow 3 gives a plain cron string no interval: start and end would be the same moment.
DAILY = CronDataIntervalTimetable("20 5 * * *", timezone="UTC")
WINDOW = {"start": "{{ data_interval_start.isoformat() }}", "end": "{{ data_interval_end.isoformat() }}"}

with DAG(
    dag_id="flow_logs",
    schedule=DAILY,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    params={"source": "s3://acme-flow-logs/vpc"},
) as dag:
    PapermillOperator(
        task_id="rejected",
        input_nb=str(NOTEBOOKS / "rejected.ipynb"),
        output_nb="/var/lib/flowkit/rejected-{{ ds }}.ipynb",
        parameters={"source": "{{ params.source }}", **WINDOW},
    )
    BashOperator(
        task_id="report",
        # Exit code 3 says that there are findings; `skip_on_exit_code` shows the task as skipped rather than failed.
        bash_command=(
            "flowkit snapshot /var/lib/flowkit/network &&"
            " flowkit report '{{ params.source }}' --start '{{ data_interval_start.isoformat() }}'"
            " --end '{{ data_interval_end.isoformat() }}' --network /var/lib/flowkit/network"
            " --out /var/lib/flowkit/reports --keep 60 --fail-on high"
        ),
        skip_on_exit_code=3,
    )
