"""What a command imports, done once for all of them."""
# ruff: noqa: F401

import mlflow.store.tracking.sqlalchemy_store
import mlflow.tracking
import optuna.storages
import torch

import reports.build
import study.cli.outcome
import study.cli.space_page
import study.cli.status
import study.cli.verifying
import study.engine.driver
import study.followup
import study.mlflow_ui.server
import study.models.export
import study.planning.page
import study.repair.clean
import study.repair.doctor
import tests.fault_tests.command_runner
