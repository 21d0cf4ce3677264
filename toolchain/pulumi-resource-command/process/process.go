// Package process holds what a command on this machine and one on a remote host have in common: their inputs and outputs, what runs
// on create, update and delete, the environment, the capture of what is printed, and the text of a failure.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Logging says which streams of a command are shown while it runs.
type Logging string

// The values of Logging, as the SDK spells them. Outputs are captured in any case.
const (
	LogStdout Logging = "stdout"
	LogStderr Logging = "stderr"
	LogBoth   Logging = "stdoutAndStderr"
	LogNone   Logging = "none"
)

// Values lists what the logging input takes.
func (Logging) Values() []infer.EnumValue[Logging] {
	return []infer.EnumValue[Logging]{
		{Name: "Stdout", Value: LogStdout, Description: "stdout but not stderr"},
		{Name: "Stderr", Value: LogStderr, Description: "stderr but not stdout"},
		{Name: "StdoutAndStderr", Value: LogBoth, Description: "both"},
		{Name: "None", Value: LogNone, Description: "nothing"},
	}
}

// Inputs are the inputs that both kinds of commands take.
type Inputs struct {
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Triggers               *[]any            `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
	Logging                *Logging          `pulumi:"logging,optional"`
}

// Annotate tells infer the defaults.
func (in *Inputs) Annotate(a infer.Annotator) {
	a.SetDefault(&in.AddPreviousOutputInEnv, true)
}

// OnUpdate is the command that an update runs: update, or create again where there is none, or nothing.
func (in Inputs) OnUpdate() *string {
	if in.Update != nil {
		return in.Update
	}
	return in.Create
}

// Outputs are what the last run printed, without one final newline.
type Outputs struct {
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// PreviousOutput is the environment that tells a command what the run before it printed, if the inputs want that.
func (in Inputs) PreviousOutput(previous Outputs) map[string]string {
	environment := map[string]string{}
	if in.AddPreviousOutputInEnv != nil && !*in.AddPreviousOutputInEnv {
		return environment
	}
	if previous.Stdout != "" {
		environment["PULUMI_COMMAND_STDOUT"] = previous.Stdout
	}
	if previous.Stderr != "" {
		environment["PULUMI_COMMAND_STDERR"] = previous.Stderr
	}
	return environment
}

// Input is what the command reads from its standard input; nil means that there is nothing to read.
func (in Inputs) Input() io.Reader {
	if in.Stdin == nil || *in.Stdin == "" {
		return nil
	}
	return strings.NewReader(*in.Stdin)
}

// NewID makes the id of a new resource.
func NewID(name string) (string, error) {
	return resource.NewUniqueHex(name, 8, 0)
}

// Capture keeps what a command prints, both by stream and in the order in which it came, and shows it line by line meanwhile.
type Capture struct {
	Stdout, Stderr io.Writer

	mutex                  sync.Mutex
	stdout, stderr, merged bytes.Buffer
}

// NewCapture makes a capture whose lines are shown as the inputs' logging says.
func (in Inputs) NewCapture(ctx context.Context) *Capture {
	logging := LogBoth
	if in.Logging != nil {
		logging = *in.Logging
	}
	show := p.GetLogger(ctx).Info
	quiet := func(string) {}
	capture := &Capture{}
	capture.Stdout = &stream{capture: capture, kept: &capture.stdout, show: quiet}
	capture.Stderr = &stream{capture: capture, kept: &capture.stderr, show: quiet}
	if logging == LogBoth || logging == LogStdout {
		capture.Stdout.(*stream).show = show
	}
	if logging == LogBoth || logging == LogStderr {
		capture.Stderr.(*stream).show = show
	}
	return capture
}

// Outputs ends the capture: it shows lines without an end and returns what was printed.
func (capture *Capture) Outputs() Outputs {
	capture.mutex.Lock()
	defer capture.mutex.Unlock()
	capture.Stdout.(*stream).flush()
	capture.Stderr.(*stream).flush()
	return Outputs{
		Stdout: strings.TrimSuffix(capture.stdout.String(), "\n"),
		Stderr: strings.TrimSuffix(capture.stderr.String(), "\n"),
	}
}

// Failure words what went wrong, with what was printed until then. The command and its stdin are not part of it: they may hold
// secrets, and the resource's name says which command it was.
func (capture *Capture) Failure(ctx context.Context, err error) error {
	// The deadline kills the command, so that what the command's end looks like says nothing.
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = errors.New("the command was not finished when its time was up (customTimeouts), and was ended")
	case ctx.Err() != nil:
		err = errors.New("the command was cancelled")
	}
	capture.mutex.Lock()
	printed := strings.TrimSpace(capture.merged.String())
	capture.mutex.Unlock()
	if printed == "" {
		return fmt.Errorf("%w; it printed nothing", err)
	}
	return fmt.Errorf("%w; it printed:\n%s", err, printed)
}

// stream is one of a command's two outputs.
type stream struct {
	capture *Capture
	kept    *bytes.Buffer
	line    bytes.Buffer
	show    func(string)
}

func (s *stream) Write(data []byte) (int, error) {
	s.capture.mutex.Lock()
	defer s.capture.mutex.Unlock()
	s.kept.Write(data)
	s.capture.merged.Write(data)
	for rest := data; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			s.line.Write(rest)
			break
		}
		s.line.Write(rest[:end])
		s.show(s.line.String())
		s.line.Reset()
		rest = rest[end+1:]
	}
	return len(data), nil
}

func (s *stream) flush() {
	if s.line.Len() > 0 {
		s.show(s.line.String())
		s.line.Reset()
	}
}

// Grace is how long an ended command's children may go on holding its output before they are given up.
const Grace = 5 * time.Second
