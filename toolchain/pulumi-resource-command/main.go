// Command pulumi-resource-command is the Command plugin: local.Command, remote.Command and remote.CopyToRemote, with the inputs,
// outputs and behaviour that the Python SDK documents. The official plugin's own module is not served, so this one is written anew.
//
// Three things it does better than it must: no command and no stdin is ever part of an error, a connection that dies in the middle
// ends with an error within seconds, and an SSH server that accepts a connection but never speaks counts as a failed attempt.
package main

import (
	"context"
	"fmt"
	"os"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/terraform-providers/terraform-provider-docker/toolchain/pulumi-resource-command/local"
	"github.com/terraform-providers/terraform-provider-docker/toolchain/pulumi-resource-command/remote"
)

// version is that of the Python SDK, given by the build (toolchain/install).
var version = "0.0.0"

// provider puts the plugin together. The type tokens follow the Go packages: command:remote:Command.
func provider() (p.Provider, error) {
	return infer.NewProviderBuilder().
		WithResources(
			infer.Resource(local.Command{}),
			infer.Resource(remote.Command{}),
			infer.Resource(remote.CopyToRemote{}),
		).
		Build()
}

func main() {
	plugin, err := provider()
	if err == nil {
		err = plugin.Run(context.Background(), "command", version)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
