"""Amazon EC2: the resource types of a NAT gateway, and the permissions that CodeBuild needs in a VPC.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-natgateway.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-eip.html
https://docs.aws.amazon.com/codebuild/latest/userguide/troubleshooting-vpc.html
"""

from __future__ import annotations

import re
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from . import iam
from .build_source import BuildError
from .partition import PARTITION

ANYWHERE = (
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)
PERMISSION = "ec2:CreateNetworkInterfacePermission"


def check(role_arn: str, vpc: dict[str, Any]) -> None:
    """Fail a build whose role lacks a permission for network interfaces in its VPC."""
    interface = f"arn:{PARTITION}:ec2:{get_region()}:{get_account_id()}:network-interface/eni-1"
    subnet = f"arn:{PARTITION}:ec2:{get_region()}:{get_account_id()}:subnet/{vpc['subnets'][0]}"
    keys = {"ec2:Subnet": subnet, "ec2:AuthorizedService": "codebuild.amazonaws.com"}
    denied = [action for action in ANYWHERE if not iam.allows(role_arn, action, "*")]
    if not iam.allows(role_arn, PERMISSION, interface, keys):
        denied.append(PERMISSION)
    if denied:
        message = f"Unexpected EC2 error: UnauthorizedOperation ({', '.join(denied)})"
        raise BuildError("PROVISIONING", "VPC_CLIENT_ERROR", message)


def _create_address(_logical_id: str, _properties: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
    allocation = _answered(ec2._allocate_address({"Domain": "vpc"}), "allocationId")
    address = str(ec2._addresses[allocation]["PublicIp"])
    return address, {"AllocationId": allocation, "PublicIp": address}


def _delete_address(address: str, _properties: dict[str, Any]) -> None:
    for allocation, record in list(ec2._addresses.items()):
        if record["PublicIp"] == address:
            ec2._release_address({"AllocationId": allocation})


def _create_gateway(_logical_id: str, properties: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
    wanted = {name: properties[name] for name in ("SubnetId", "AllocationId") if name in properties}
    gateway = _answered(ec2._create_nat_gateway(wanted), "natGatewayId")
    return gateway, {"NatGatewayId": gateway}


def _delete_gateway(gateway: str, _properties: dict[str, Any]) -> None:
    ec2._delete_nat_gateway({"NatGatewayId": gateway})


def _answered(answer: Any, element: str) -> str:
    body = answer[2]
    text = body.decode() if isinstance(body, bytes) else str(body)
    found = re.search(rf"<{element}>([^<]+)</{element}>", text)
    if not found:
        raise ValueError(text)
    return found[1]


ADDRESS_HANDLER = {"create": _create_address, "delete": _delete_address}
NAT_GATEWAY_HANDLER = {"create": _create_gateway, "delete": _delete_gateway}
