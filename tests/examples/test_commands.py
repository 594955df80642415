"""Every example by the commands that stand in it, from the root of a checkout."""

from __future__ import annotations

import csv
import importlib.util
import io
import re
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from conftest import ROOT, Checkout, read_commands  # type: ignore[import-not-found]
