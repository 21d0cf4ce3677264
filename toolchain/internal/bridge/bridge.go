// Package bridge has what the plugins behind Pulumi's bridge share: they live for the seconds of one command, so what counts is how
// soon they are there and how much they compute.
package bridge

import (
	"runtime/debug"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

// Main serves a provider to the engine, until the engine ends it. Programs in Python never ask for the schema, so it stays empty.
func Main(name, version string, info tfbridge.ProviderInfo) {
	// A preview of TOYBOX allocates some 50 MB here. To collect them while it lasts takes longer than to have them.
	debug.SetGCPercent(400)
	WriteNames(&info)
	tfbridge.Main(name, version, info, []byte(`{"name": "`+name+`"}`))
}

// WriteNames gives each property of each resource, explicitly, the name that it has already.
//
// To find the property that a name in a diff stands for, the bridge derives the names of all properties, each time anew (3.135.0,
// PulumiToTerraformName): with the 70 properties of a container that was two fifths of all that a preview computes in the plugin. A
// name that is given it takes as it is. The answers to Check and Diff stay the same.
func WriteNames(info *tfbridge.ProviderInfo) {
	for token, resource := range info.Resources {
		resource.Fields = withNames(info.P.ResourcesMap().Get(token).Schema(), resource.Fields)
	}
}

// withNames completes the settings of the properties of one block, and of the blocks inside it.
func withNames(properties shim.SchemaMap, fields map[string]*tfbridge.SchemaInfo) map[string]*tfbridge.SchemaInfo {
	// All of them first: a name hangs on which others there are, and on those that are given.
	names := map[string]string{}
	properties.Range(func(property string, _ shim.Schema) bool {
		names[property] = tfbridge.TerraformToPulumiNameV2(property, properties, fields)
		return true
	})
	complete := make(map[string]*tfbridge.SchemaInfo, len(names))
	for property, name := range names {
		field := fields[property]
		if field == nil {
			field = &tfbridge.SchemaInfo{}
		}
		field.Name = name
		if block, ok := properties.Get(property).Elem().(shim.Resource); ok {
			if field.Elem == nil {
				field.Elem = &tfbridge.SchemaInfo{}
			}
			field.Elem.Fields = withNames(block.Schema(), field.Elem.Fields)
		}
		complete[property] = field
	}
	return complete
}
