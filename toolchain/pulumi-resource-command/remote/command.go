package remote

import (
	"context"
	"errors"
	"fmt"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/ssh"

	"github.com/terraform-providers/terraform-provider-docker/toolchain/pulumi-resource-command/process"
)

// Command is command:remote:Command.
type Command struct{}

// CommandInputs are its inputs.
type CommandInputs struct {
	process.Inputs
	Connection Connection `pulumi:"connection" provider:"secret"`
}

// CommandOutputs are its outputs.
type CommandOutputs struct {
	CommandInputs
	process.Outputs
}

// Create runs the create command.
func (Command) Create(
	ctx context.Context, req infer.CreateRequest[CommandInputs],
) (infer.CreateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: req.Inputs}
	id, err := process.NewID(req.Name)
	if err == nil && !req.DryRun {
		err = state.run(ctx, req.Inputs.Create)
	}
	return infer.CreateResponse[CommandOutputs]{ID: id, Output: state}, err
}

// Update runs the update command, or create again.
func (Command) Update(
	ctx context.Context, req infer.UpdateRequest[CommandInputs, CommandOutputs],
) (infer.UpdateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: req.Inputs, Outputs: req.State.Outputs}
	var err error
	if !req.DryRun {
		err = state.run(ctx, req.Inputs.OnUpdate())
	}
	return infer.UpdateResponse[CommandOutputs]{Output: state}, err
}

// Delete runs the delete command, over the connection that is in the state.
func (Command) Delete(ctx context.Context, req infer.DeleteRequest[CommandOutputs]) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, req.State.run(ctx, req.State.Delete)
}

// run runs one command, if there is one, and keeps what it printed.
func (state *CommandOutputs) run(ctx context.Context, command *string) error {
	if command == nil {
		return nil
	}
	client, err := state.Connection.Dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("the host opens no session: %w", err)
	}
	defer session.Close()

	for name, value := range state.Environment {
		if session.Setenv(name, value) != nil {
			p.GetLogger(ctx).Warningf("the host does not take the variable %s (AcceptEnv in its sshd_config)", name)
		}
	}
	for name, value := range state.PreviousOutput(state.Outputs) {
		// Few hosts take these, and few commands want them.
		_ = session.Setenv(name, value)
	}
	capture := state.NewCapture(ctx)
	session.Stdin, session.Stdout, session.Stderr = state.Input(), capture.Stdout, capture.Stderr

	err = session.Run(*command)
	outputs := capture.Outputs()
	if err != nil {
		return capture.Failure(ctx, wording(err))
	}
	state.Outputs = outputs
	return nil
}

// wording says in plain words how a command failed.
func wording(err error) error {
	if exit := (*ssh.ExitError)(nil); errors.As(err, &exit) {
		if exit.Signal() != "" {
			return fmt.Errorf("the command was ended by signal %s", exit.Signal())
		}
		return fmt.Errorf("the command ended with exit status %d", exit.ExitStatus())
	}
	if missing := (*ssh.ExitMissingError)(nil); errors.As(err, &missing) {
		return errors.New("the connection ended before the command did")
	}
	return fmt.Errorf("the command could not be run: %w", err)
}
