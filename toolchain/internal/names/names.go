// Package names writes down what the bridge calls a Terraform provider's resources and properties. The plugins' tests hold that
// against a file beside them, and tests/unit/toolchain holds the file against the Python SDK: neither needs the other's language.
package names

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

// properties are the names of properties, each with those of the object (or list of objects) that it holds, or nothing.
type properties map[string]properties

// member is a resource, a function, or the provider itself.
type member struct {
	Inputs  properties `json:"inputs"`
	Outputs properties `json:"outputs"`
}

// plugin is the content of names.json, by type token.
type plugin struct {
	Config    properties        `json:"config"`
	Resources map[string]member `json:"resources"`
	Functions map[string]member `json:"functions"`
}

// Hold fails the test where names.json is not what the plugin says. With UPDATE_NAMES=1 in the environment it writes the file.
func Hold(t *testing.T, info tfbridge.ProviderInfo) {
	t.Helper()
	described := plugin{
		Config:    translate(info.P.Schema(), info.Config, settable),
		Resources: map[string]member{},
		Functions: map[string]member{},
	}
	for name, resource := range info.Resources {
		schema, found := info.P.ResourcesMap().GetOk(name)
		if !found {
			t.Errorf("the provider has no resource %s", name)
			continue
		}
		described.Resources[string(resource.Tok)] = describe(schema, resource.Fields)
	}
	for name, function := range info.DataSources {
		schema, found := info.P.DataSourcesMap().GetOk(name)
		if !found {
			t.Errorf("the provider has no data source %s", name)
			continue
		}
		described.Functions[string(function.Tok)] = describe(schema, function.Fields)
	}
	HoldDescription(t, described)
}

// HoldDescription does the same for a plugin that is described by other means than the bridge.
func HoldDescription(t *testing.T, described any) {
	t.Helper()
	actual, err := json.MarshalIndent(described, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	actual = append(actual, '\n')
	if os.Getenv("UPDATE_NAMES") != "" {
		if err := os.WriteFile("names.json", actual, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expected, err := os.ReadFile("names.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(expected, actual) {
		t.Error("names.json is not what the plugin says: run UPDATE_NAMES=1 go test, and look at the difference")
	}
}

func describe(resource shim.Resource, fields map[string]*tfbridge.SchemaInfo) member {
	return member{
		Inputs:  translate(resource.Schema(), fields, settable),
		Outputs: translate(resource.Schema(), fields, everything),
	}
}

func everything(shim.Schema) bool { return true }

func settable(schema shim.Schema) bool { return schema.Optional() || schema.Required() }

func translate(
	schemas shim.SchemaMap, fields map[string]*tfbridge.SchemaInfo, wanted func(shim.Schema) bool,
) properties {
	translated := properties{}
	schemas.Range(func(name string, schema shim.Schema) bool {
		if schema.Removed() == "" && wanted(schema) {
			var held properties
			if block, ok := schema.Elem().(shim.Resource); ok {
				// The SDKs' nested types have computed properties among their inputs too.
				held = translate(block.Schema(), nil, everything)
			}
			translated[tfbridge.TerraformToPulumiNameV2(name, schemas, fields)] = held
		}
		return true
	})
	return translated
}
