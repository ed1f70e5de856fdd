"""The emulated AWS, and the template deployed on it as `sam deploy` would."""

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import boto3
from botocore.config import Config
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE.parent / "template.yaml"
REGION = "eu-central-1"
WRITTEN = yaml_parse(TEMPLATE.read_text())["Resources"]
FUNCTIONS = [name for name, resource in WRITTEN.items() if resource["Type"] == "AWS::Serverless::Function"]
# The folder with the functions that `package` has prepared.
PACKAGES = Path(sys.argv[1])


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Cloud:
    """A running emulator. It listens on the loopback interface only, and enforces the permissions of roles."""

    def __init__(self, folder: Path, mail_port: int):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.record = folder / "asked.jsonl"
        self.record.touch()
        # The functions inherit nothing from our environment: they get the variables of the template only.
        environment = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": "administrator",
            "AWS_SECRET_ACCESS_KEY": "administrator",
            "AWS_ENDPOINT_URL": self.endpoint,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_REGION": REGION,
            "PROVE_RECORD": str(self.record),
            "SMTP_HOST": f"127.0.0.1:{mail_port}",
        }
        self.log = folder / "emulator.log"
        command = [sys.executable, HERE / "emulator.py"]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
        self.wait()

    def wait(self):
        for _ in range(1200):
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{self.endpoint}/_ministack/ready", timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"the emulator did not start:\n{self.log.read_text()[-3000:]}")

    def client(self, service: str, credentials: dict | None = None):
        keys = credentials or {"AccessKeyId": "administrator", "SecretAccessKey": "administrator"}
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, proxies={}),
        )

    def asked(self) -> list[dict]:
        """All requests since the start: principal, action, resource, and whether it was allowed."""
        # The last line may be half written.
        *lines, _ = self.record.read_text().split("\n")
        return [json.loads(line) for line in lines]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def zipped(folder: Path) -> bytes:
    """A function's package, as `sam deploy` sends it."""
    packed = io.BytesIO()
    # Stored without compression: debug binaries are large, and the archive is temporary.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def transformed(parameters: dict, code: dict[str, str]) -> dict:
    """The template after the SAM transform; `code` has the location of each function's package."""
    template = yaml_parse(TEMPLATE.read_text())
    for name, uri in code.items():
        template["Resources"][name]["Properties"]["CodeUri"] = uri
    session = boto3.Session(region_name=REGION)
    # The template uses no managed policies of AWS: every role is written out.
    translator = Translator({}, Parser(), boto_session=session)
    return translator.translate(template, parameters)


class Stack:
    """The deployed template."""

    def __init__(self, cloud: Cloud, name: str, parameters: dict):
        self.cloud, self.name = cloud, name
        bucket = f"packages-{name}"
        storage = cloud.client("s3")
        storage.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.packages = {}
        for function in FUNCTIONS:
            key = f"{function.lower()}.zip"
            storage.put_object(Bucket=bucket, Key=key, Body=zipped(PACKAGES / function.lower()))
            self.packages[function] = {"S3Bucket": bucket, "S3Key": key}
        template = transformed(parameters, {function: f"s3://{bucket}/{at['S3Key']}" for function, at in self.packages.items()})
        # Through the bucket, as `sam deploy --resolve-s3` does, because the template is too long for a request.
        storage.put_object(Bucket=bucket, Key="template.json", Body=json.dumps(template).encode())
        formation = cloud.client("cloudformation")
        formation.create_stack(
            StackName=name,
            TemplateURL=f"{cloud.endpoint}/{bucket}/template.json",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        self.description = self.created(formation)
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in self.description.get("Outputs", [])}
        pages = formation.get_paginator("list_stack_resources").paginate(StackName=name)
        resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
        self.names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}

    def created(self, formation) -> dict:
        for _ in range(600):
            stack = formation.describe_stacks(StackName=self.name)["Stacks"][0]
            if stack["StackStatus"] == "CREATE_COMPLETE":
                return stack
            if stack["StackStatus"] != "CREATE_IN_PROGRESS":
                events = formation.describe_stack_events(StackName=self.name)["StackEvents"]
                failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
                why = "\n".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed)
                raise SystemExit(f"the stack was not created ({stack['StackStatus']}):\n{why}")
            time.sleep(0.2)
        raise SystemExit("the stack was not created in two minutes")

    def role_credentials(self, role: str) -> dict:
        """Credentials of a function with this role."""
        tokens = self.cloud.client("sts")
        arn = self.cloud.client("iam").get_role(RoleName=self.names[role])["Role"]["Arn"]
        return tokens.assume_role(RoleArn=arn, RoleSessionName="probe")["Credentials"]
