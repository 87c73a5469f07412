"""An emulated AWS on this computer: moto behind HTTP, and a container for each running instance."""

import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # no __pycache__ beside the sources

# moto reads these when it is imported, by whichever of the modules.
os.environ.update(
    MOTO_ENABLE_AMI_VALIDATION="1",
    MOTO_ENABLE_KEYPAIR_VALIDATION="1",
    MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION="1",
    MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS="false",
    MOTO_AMIS_PATH=str(Path(__file__).with_name("images.json")),
)
