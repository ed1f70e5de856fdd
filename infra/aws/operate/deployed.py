"""A deployed stack, as CloudFormation describes it."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field

import boto3
from botocore.config import Config


@dataclass(frozen=True)
class Resource:
    """A resource of the stack: its name in the template, its type, its physical id and its status."""

    name: str
    type: str
    id: str
    status: str
    properties: dict = field(repr=False)
    """The properties in the template, with unresolved references."""


class Stack:
    """A stack's description in CloudFormation, and clients for the other services."""

    def __init__(self, name: str):
        self.name = name
        self.session = boto3.Session()
        formation = self.client("cloudformation")
        self.description = formation.describe_stacks(StackName=name)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in self.description.get("Outputs", [])}
        self.parameters = {each["ParameterKey"]: each["ParameterValue"] for each in self.description.get("Parameters", [])}

    @functools.cache
    def client(self, service: str):
        return self.session.client(service, config=Config(retries={"mode": "standard"}, connect_timeout=10, read_timeout=30))

    @functools.cached_property
    def resources(self) -> dict[str, Resource]:
        """All resources of the stack, by their name in the template."""
        formation = self.client("cloudformation")
        template = formation.get_template(StackName=self.name, TemplateStage="Processed")["TemplateBody"]
        written = (json.loads(template) if isinstance(template, str) else template)["Resources"]
        found = {}
        for page in formation.get_paginator("list_stack_resources").paginate(StackName=self.name):
            for summary in page["StackResourceSummaries"]:
                name = summary["LogicalResourceId"]
                found[name] = Resource(
                    name,
                    summary["ResourceType"],
                    summary.get("PhysicalResourceId", ""),
                    summary["ResourceStatus"],
                    written.get(name, {}).get("Properties", {}),
                )
        return found

    def of_type(self, type: str) -> list[Resource]:
        return [resource for resource in self.resources.values() if resource.type == type]

    def value(self, written):
        """The value of a template property; `None` if only CloudFormation can compute it."""
        match written:
            case {"Ref": name} if name in self.parameters:
                return self.parameters[name]
            case {"Ref": name} if name in self.resources:
                return self.resources[name].id
            case {}:
                return None
        return written
