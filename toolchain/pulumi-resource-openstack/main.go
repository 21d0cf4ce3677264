// Command pulumi-resource-openstack is the OpenStack plugin: the Terraform provider behind Pulumi's bridge.
//
// It maps the four services that TOYBOX may use. The type tokens are those of the Python SDK that pip installs; the names of
// properties come from the bridge. names_test.go writes both down, tests/unit/toolchain holds them against the SDK.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-provider-openstack/terraform-provider-openstack/v3/openstack"

	"github.com/terraform-providers/terraform-provider-docker/toolchain/internal/bridge"
)

// version is that of the Python SDK, given by the build (toolchain/install).
var version = "0.0.0"

// resources maps, by service, the provider's resources to their names in the SDK. Names without a version are the older ones.
var resources = map[string]map[string]string{
	"blockstorage": {
		"qos_association_v3":    "QosAssociationV3",
		"qos_v3":                "QosV3",
		"quotaset_v3":           "QuoteSetV3",
		"volume_attach_v3":      "VolumeAttach",
		"volume_type_access_v3": "VolumeTypeAccessV3",
		"volume_type_v3":        "VolumeTypeV3",
		"volume_v3":             "Volume",
	},
	"compute": {
		"aggregate_v2":        "AggregateV2",
		"flavor_access_v2":    "FlavorAccess",
		"flavor_v2":           "Flavor",
		"instance_v2":         "Instance",
		"interface_attach_v2": "InterfaceAttach",
		"keypair_v2":          "Keypair",
		"quotaset_v2":         "QuotaSetV2",
		"servergroup_v2":      "ServerGroup",
		"volume_attach_v2":    "VolumeAttach",
	},
	"images": {
		"image_access_accept_v2": "ImageAccessAccept",
		"image_access_v2":        "ImageAccess",
		"image_v2":               "Image",
	},
	"networking": {
		"address_group_v2":              "AddressGroupV2",
		"addressscope_v2":               "AddressScope",
		"bgp_peer_v2":                   "BgpPeerV2",
		"bgp_speaker_v2":                "BgpSpeakerV2",
		"floatingip_associate_v2":       "FloatingIpAssociate",
		"floatingip_v2":                 "FloatingIp",
		"network_v2":                    "Network",
		"port_secgroup_associate_v2":    "PortSecGroupAssociate",
		"port_v2":                       "Port",
		"portforwarding_v2":             "PortForwardingV2",
		"qos_bandwidth_limit_rule_v2":   "QosBandwidthLimitRule",
		"qos_dscp_marking_rule_v2":      "QosDscpMarkingRule",
		"qos_minimum_bandwidth_rule_v2": "QosMinimumBandwidthRule",
		"qos_policy_v2":                 "QosPolicy",
		"quota_v2":                      "QuotaV2",
		"rbac_policy_v2":                "RbacPolicyV2",
		"router_interface_v2":           "RouterInterface",
		"router_route_v2":               "RouterRoute",
		"router_routes_v2":              "RouterRoutesV2",
		"router_v2":                     "Router",
		"secgroup_rule_v2":              "SecGroupRule",
		"secgroup_v2":                   "SecGroup",
		"segment_v2":                    "SegmentV2",
		"subnet_route_v2":               "SubnetRoute",
		"subnet_v2":                     "Subnet",
		"subnetpool_v2":                 "SubnetPool",
		"trunk_v2":                      "Trunk",
	},
}

// functions maps, by service, the provider's data sources to their names in the SDK.
var functions = map[string]map[string]string{
	"blockstorage": {
		"availability_zones_v3": "getAvailabilityZonesV3",
		"quotaset_v3":           "getQuotasetV3",
		"snapshot_v3":           "getSnapshotV3",
		"volume_v3":             "getVolumeV3",
	},
	"compute": {
		"aggregate_v2":          "getAggregateV2",
		"availability_zones_v2": "getAvailabilityZones",
		"flavor_v2":             "getFlavor",
		"hypervisor_v2":         "getHypervisorV2",
		"instance_v2":           "getInstanceV2",
		"keypair_v2":            "getKeypair",
		"limits_v2":             "getLimitsV2",
		"quotaset_v2":           "getQuotaSetV2",
		"servergroup_v2":        "getServergroupV2",
	},
	"images": {
		"image_ids_v2": "getImageIds",
		"image_v2":     "getImage",
	},
	"networking": {
		"addressscope_v2":               "getAddressScope",
		"floatingip_v2":                 "getFloatingIp",
		"network_v2":                    "getNetwork",
		"port_ids_v2":                   "getPortIds",
		"port_v2":                       "getPort",
		"qos_bandwidth_limit_rule_v2":   "getQosBandwidthLimitRule",
		"qos_dscp_marking_rule_v2":      "getQosDscpMarkingRule",
		"qos_minimum_bandwidth_rule_v2": "getQosMinimumBandwidthRule",
		"qos_policy_v2":                 "getQosPolicy",
		"quota_v2":                      "getQuotaV2",
		"router_v2":                     "getRouter",
		"secgroup_v2":                   "getSecGroup",
		"segment_v2":                    "getSegmentV2",
		"subnet_ids_v2":                 "getSubnetIdsV2",
		"subnet_v2":                     "getSubnet",
		"subnetpool_v2":                 "getSubnetPool",
		"trunk_v2":                      "getTrunk",
	},
}

// provider describes the plugin to the bridge.
func provider() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:           shimv2.NewProvider(openstack.Provider()),
		Name:        "openstack",
		Version:     version,
		Resources:   map[string]*tfbridge.ResourceInfo{},
		DataSources: map[string]*tfbridge.DataSourceInfo{},
	}
	for service, names := range resources {
		for name, member := range names {
			info.Resources["openstack_"+service+"_"+name] = &tfbridge.ResourceInfo{
				Tok: tfbridge.MakeResource("openstack", service, member),
			}
		}
	}
	for service, names := range functions {
		for name, member := range names {
			info.DataSources["openstack_"+service+"_"+name] = &tfbridge.DataSourceInfo{
				Tok: tfbridge.MakeDataSource("openstack", service, member),
			}
		}
	}
	// "allocation_pool" is one pool a block, and there can be several.
	info.Resources["openstack_networking_subnet_v2"].Fields = map[string]*tfbridge.SchemaInfo{
		"allocation_pool": {Name: "allocationPools"},
	}
	// As the official plugin does: a resource without a name of its own gets its logical name and 7 random digits.
	info.SetAutonaming(255, "-")
	return info
}

func main() {
	bridge.Main("openstack", version, provider())
}
