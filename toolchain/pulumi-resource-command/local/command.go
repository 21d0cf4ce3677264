// Package local runs commands on the machine that Pulumi runs on.
package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/terraform-providers/terraform-provider-docker/toolchain/pulumi-resource-command/process"
)

// Command is command:local:Command.
type Command struct{}

// CommandInputs are its inputs.
type CommandInputs struct {
	process.Inputs
	Interpreter  []string `pulumi:"interpreter,optional"`
	Dir          *string  `pulumi:"dir,optional"`
	AssetPaths   []string `pulumi:"assetPaths,optional"`
	ArchivePaths []string `pulumi:"archivePaths,optional"`
}

// CommandOutputs are its outputs.
type CommandOutputs struct {
	CommandInputs
	process.Outputs
	Assets  map[string]*resource.Asset `pulumi:"assets,optional"`
	Archive *resource.Archive          `pulumi:"archive,optional"`
}

// Check refuses what this build does not have, rather than leaving outputs empty in silence.
func (Command) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[CommandInputs], error) {
	inputs, failures, err := infer.DefaultCheck[CommandInputs](ctx, req.NewInputs)
	for property, paths := range map[string][]string{"assetPaths": inputs.AssetPaths, "archivePaths": inputs.ArchivePaths} {
		if len(paths) > 0 {
			failures = append(failures, p.CheckFailure{
				Property: property,
				Reason:   "the command plugin of toolchain/ has no assets; the official plugin does",
			})
		}
	}
	return infer.CheckResponse[CommandInputs]{Inputs: inputs, Failures: failures}, err
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

// Delete runs the delete command.
func (Command) Delete(ctx context.Context, req infer.DeleteRequest[CommandOutputs]) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, req.State.run(ctx, req.State.Delete)
}

// run runs one command, if there is one, and keeps what it printed.
func (state *CommandOutputs) run(ctx context.Context, command *string) error {
	if command == nil {
		return nil
	}
	interpreter := state.Interpreter
	if len(interpreter) == 0 {
		interpreter = []string{"/bin/sh", "-c"}
	}
	capture := state.NewCapture(ctx)
	run := exec.CommandContext(ctx, interpreter[0], append(interpreter[1:len(interpreter):len(interpreter)], *command)...)
	run.Stdin, run.Stdout, run.Stderr = state.Input(), capture.Stdout, capture.Stderr
	if state.Dir != nil {
		run.Dir = *state.Dir
	}
	run.Env = os.Environ()
	for _, environment := range []map[string]string{state.Environment, state.PreviousOutput(state.Outputs)} {
		for name, value := range environment {
			run.Env = append(run.Env, name+"="+value)
		}
	}
	// What the shell started ends with it: the whole process group is killed.
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	run.Cancel = func() error { return syscall.Kill(-run.Process.Pid, syscall.SIGKILL) }
	run.WaitDelay = process.Grace

	err := run.Run()
	outputs := capture.Outputs()
	if err != nil {
		return capture.Failure(ctx, wording(err))
	}
	state.Outputs = outputs
	return nil
}

// wording says in plain words how a command failed.
func wording(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return fmt.Errorf("the command was ended by signal %v", status.Signal())
		}
		return fmt.Errorf("the command ended with exit status %d", exit.ExitCode())
	}
	return fmt.Errorf("the command could not be run: %w", err)
}
