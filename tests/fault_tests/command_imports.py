"""What a command imports, done once for all of them."""
# ruff: noqa: F401

import mlflow.store.tracking.sqlalchemy_store
import mlflow.tracking
import optuna.storages
import torch

import reports.build
import study.clean
import study.doctor
import study.driver
import study.exporting
import study.following
import study.outcome
import study.plan_page
import study.space_page
import study.status
import study.ui
import study.verifying
import tests.fault_tests.command_runner
