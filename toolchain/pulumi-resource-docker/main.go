// Command pulumi-resource-docker is the Docker plugin: the Terraform provider behind Pulumi's bridge.
//
// The official plugin's own docker.Image is native code that is not served as a module; docker.RemoteImage does what TOYBOX needs.
// The type tokens are those of the Python SDK that pip installs; the names of properties come from the bridge. names_test.go writes
// both down, tests/unit/toolchain holds them against the SDK.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	docker "github.com/terraform-providers/terraform-provider-docker/internal/provider"

	"github.com/terraform-providers/terraform-provider-docker/toolchain/internal/bridge"
)

// version is that of the Python SDK, given by the build (toolchain/install).
var version = "0.0.0"

// resources maps the provider's resources to their names in the SDK.
var resources = map[string]string{
	"buildx_builder": "BuildxBuilder",
	"config":         "ServiceConfig",
	"container":      "Container",
	"image":          "RemoteImage",
	"network":        "Network",
	"plugin":         "Plugin",
	"registry_image": "RegistryImage",
	"secret":         "Secret",
	"service":        "Service",
	"tag":            "Tag",
	"volume":         "Volume",
}

// functions maps the provider's data sources to their names in the SDK.
var functions = map[string]string{
	"image":                    "getRemoteImage",
	"logs":                     "getLogs",
	"network":                  "getNetwork",
	"plugin":                   "getPlugin",
	"registry_image":           "getRegistryImage",
	"registry_image_manifests": "getRegistryImageManifests",
}

// provider describes the plugin to the bridge.
func provider() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:           shimv2.NewProvider(docker.New(version)()),
		Name:        "docker",
		Version:     version,
		Resources:   map[string]*tfbridge.ResourceInfo{},
		DataSources: map[string]*tfbridge.DataSourceInfo{},
		Config: map[string]*tfbridge.SchemaInfo{
			// Holds several, yet is not plural in the SDK.
			"registry_auth": {Name: "registryAuth"},
		},
	}
	for name, member := range resources {
		info.Resources["docker_"+name] = &tfbridge.ResourceInfo{Tok: tfbridge.MakeResource("docker", "index", member)}
	}
	for name, member := range functions {
		info.DataSources["docker_"+name] = &tfbridge.DataSourceInfo{Tok: tfbridge.MakeDataSource("docker", "index", member)}
	}
	container := info.Resources["docker_container"]
	container.Fields = map[string]*tfbridge.SchemaInfo{
		// Lists that are not plural in the SDK: one command, and the networks with their settings.
		"command":           {Name: "command"},
		"networks_advanced": {Name: "networksAdvanced"},
	}
	// Two containers cannot have one name or publish one port.
	container.DeleteBeforeReplace = true
	// The name is the image's reference, to be given by the program and never made up.
	info.Resources["docker_image"].Fields = map[string]*tfbridge.SchemaInfo{"name": {Name: "name"}}
	// As the official plugin does: a resource without a name of its own gets its logical name and 7 random digits.
	info.SetAutonaming(255, "-")
	return info
}

func main() {
	bridge.Main("docker", version, provider())
}
