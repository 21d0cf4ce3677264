package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blang/semver"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/terraform-providers/terraform-provider-docker/toolchain/internal/names"
	"github.com/terraform-providers/terraform-provider-docker/toolchain/internal/sshd"
)

// canary stands for every secret: it may come back from nowhere.
const canary = "canary-4711"

type inputs = map[string]property.Value

func text(value string) property.Value { return property.New(value) }

// connection is a connection to the server, with more properties.
func connection(server sshd.Server, more inputs) property.Value {
	values := inputs{
		"host":       text("127.0.0.1"),
		"port":       property.New(float64(server.Port)),
		"user":       text(server.User),
		"privateKey": text(server.PrivateKey),
		"hostKey":    text(server.HostKey),
	}
	for name, value := range more {
		values[name] = value
	}
	return property.New(property.NewMap(values))
}

// plugin is the provider, called as the engine calls it: every set of inputs is checked first, which fills in the defaults.
type plugin struct {
	t      *testing.T
	server integration.Server
	urn    resource.URN
}

func newPlugin(t *testing.T, kind string) plugin {
	t.Helper()
	built, err := provider()
	if err != nil {
		t.Fatal(err)
	}
	server, err := integration.NewServer(
		context.Background(), "command", semver.MustParse("1.2.1"), integration.WithProvider(built))
	if err != nil {
		t.Fatal(err)
	}
	token := map[string]tokens.Type{
		"local":  "command:local:Command",
		"remote": "command:remote:Command",
		"copy":   "command:remote:CopyToRemote",
	}[kind]
	urn := resource.NewURN("test", "test", "", token, "it")
	return plugin{t: t, server: server, urn: urn}
}

func (plug plugin) check(values inputs) property.Map {
	plug.t.Helper()
	checked, err := plug.server.Check(p.CheckRequest{Urn: plug.urn, Inputs: property.NewMap(values)})
	if err != nil {
		plug.t.Fatal(err)
	}
	if len(checked.Failures) > 0 {
		plug.t.Fatal(checked.Failures)
	}
	return checked.Inputs
}

func (plug plugin) create(values inputs, seconds float64) (p.CreateResponse, error) {
	plug.t.Helper()
	return plug.server.Create(p.CreateRequest{Urn: plug.urn, Properties: plug.check(values), Timeout: seconds})
}

func (plug plugin) mustCreate(values inputs) p.CreateResponse {
	plug.t.Helper()
	created, err := plug.create(values, 0)
	if err != nil {
		plug.t.Fatal(err)
	}
	return created
}

func (plug plugin) mustUpdate(old property.Map, values inputs) property.Map {
	plug.t.Helper()
	updated, err := plug.server.Update(p.UpdateRequest{ID: "it", Urn: plug.urn, State: old, Inputs: plug.check(values)})
	if err != nil {
		plug.t.Fatal(err)
	}
	return updated.Properties
}

func (plug plugin) delete(state property.Map) error {
	return plug.server.Delete(p.DeleteRequest{ID: "it", Urn: plug.urn, Properties: state})
}

func expect(t *testing.T, state property.Map, name, value string) {
	t.Helper()
	if got := state.Get(name).AsString(); got != value {
		t.Errorf("%s is %q, not %q", name, got, value)
	}
}

// fails checks that there is an error that says all of the words, and no secret.
func fails(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("the error tells a secret: %v", err)
	}
}

func TestARemoteCommandReadsStdinAndItsOutputsAreKeptApart(t *testing.T) {
	created := newPlugin(t, "remote").mustCreate(inputs{
		"connection":  connection(sshd.Start(t, 0), nil),
		"create":      text(`tr a-z A-Z; echo "$GREETING" >&2`),
		"stdin":       text("from stdin"),
		"environment": property.New(property.NewMap(inputs{"GREETING": text("hello")})),
	})
	expect(t, created.Properties, "stdout", "FROM STDIN")
	expect(t, created.Properties, "stderr", "hello")
	if !created.Properties.Get("connection").Secret() {
		t.Error("the connection is not a secret in the state")
	}
}

func TestAFailureHasStatusAndOutputsButNoSecret(t *testing.T) {
	server := sshd.Start(t, 0)
	_, err := newPlugin(t, "remote").create(inputs{
		"connection": connection(server, nil),
		"create":     text("read secret; echo 'to stdout'; echo 'to stderr' >&2; exit 3 # " + canary),
		"stdin":      text(canary),
	}, 0)
	fails(t, err, "exit status 3", "to stdout", "to stderr")

	_, err = newPlugin(t, "local").create(inputs{
		"create": text("cat >/dev/null; echo 'to stdout'; echo 'to stderr' >&2; exit 4 # " + canary), "stdin": text(canary),
	}, 0)
	fails(t, err, "exit status 4", "to stdout", "to stderr")

	_, err = newPlugin(t, "remote").create(inputs{
		"connection": connection(server, inputs{"privateKey": text(canary), "dialErrorLimit": property.New(0.0)}),
		"create":     text("true"),
	}, 0)
	fails(t, err, "privateKey")
}

func TestAnotherHostKeyIsRefused(t *testing.T) {
	server := sshd.Start(t, 0)
	_, another := sshd.Key(t)
	_, err := newPlugin(t, "remote").create(inputs{
		"connection": connection(server, inputs{"hostKey": text(another), "dialErrorLimit": property.New(2.0)}),
		"create":     text("true"),
	}, 0)
	fails(t, err, "the host key is not the expected one", "after 3 attempts")
}

func TestAServerThatIsNotThereYetIsTriedAgain(t *testing.T) {
	created := newPlugin(t, "remote").mustCreate(inputs{
		"connection": connection(sshd.Start(t, 800*time.Millisecond), nil), "create": text("echo up"),
	})
	expect(t, created.Properties, "stdout", "up")

	_, err := newPlugin(t, "remote").create(inputs{
		"connection": connection(sshd.Server{Port: sshd.FreePort(t), User: "nobody", HostKey: sshd.Start(t, 0).HostKey,
			PrivateKey: sshd.Start(t, 0).PrivateKey}, inputs{"dialErrorLimit": property.New(1.0)}),
		"create": text("true"),
	}, 0)
	fails(t, err, "cannot connect to 127.0.0.1", "refused", "after 2 attempts")
}

func TestUnlimitedAttemptsEndWithTheTimeOfTheResource(t *testing.T) {
	server := sshd.Start(t, 0)
	server.Port = sshd.FreePort(t)
	begin := time.Now()
	_, err := newPlugin(t, "remote").create(inputs{
		"connection": connection(server, inputs{"dialErrorLimit": property.New(-1.0)}), "create": text("true"),
	}, 2)
	fails(t, err, "refused", "time is up")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestASilentServerCountsAsAFailedAttempt(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	server := sshd.Start(t, 0)
	server.Port = listener.Addr().(*net.TCPAddr).Port
	_, err = newPlugin(t, "remote").create(inputs{
		"connection": connection(server, inputs{"perDialTimeout": property.New(1.0), "dialErrorLimit": property.New(0.0)}),
		"create":     text("true"),
	}, 0)
	fails(t, err, "no SSH handshake")
}

func TestAnUpdateRunsUpdateOrElseCreateAndKnowsThePreviousOutput(t *testing.T) {
	for kind, more := range map[string]inputs{
		"local":  {},
		"remote": {"connection": connection(sshd.Start(t, 0), nil)},
	} {
		t.Run(kind, func(t *testing.T) {
			plug := newPlugin(t, kind)
			with := func(values inputs) inputs {
				for name, value := range more {
					values[name] = value
				}
				return values
			}
			state := plug.mustCreate(with(inputs{"create": text("echo one")})).Properties
			state = plug.mustUpdate(state, with(inputs{"create": text(`echo "after $PULUMI_COMMAND_STDOUT"`)}))
			expect(t, state, "stdout", "after one")
			state = plug.mustUpdate(state, with(inputs{"create": text("false"), "update": text("echo two")}))
			expect(t, state, "stdout", "two")
			state = plug.mustUpdate(state, with(inputs{
				"create": text(`echo "[$PULUMI_COMMAND_STDOUT]"`), "addPreviousOutputInEnv": property.New(false),
			}))
			expect(t, state, "stdout", "[]")
		})
	}
}

func TestDeleteRunsOverTheConnectionInTheState(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	plug := newPlugin(t, "remote")
	state := plug.mustCreate(inputs{
		"connection": connection(sshd.Start(t, 0), nil), "delete": text("echo deleted >" + trace),
	}).Properties
	if _, err := os.Stat(trace); err == nil {
		t.Error("delete ran on create")
	}
	if err := plug.delete(state); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(trace); err != nil {
		t.Error("delete did not run")
	}
}

func TestChangedTriggersAreAChange(t *testing.T) {
	// That it is a replacement is the SDK's word (replace_on_changes), as with the official plugin.
	plug := newPlugin(t, "local")
	old := plug.check(inputs{"create": text("true"), "triggers": property.New([]property.Value{text("a")})})
	same, err := plug.server.Diff(p.DiffRequest{Urn: plug.urn, State: old, OldInputs: old, Inputs: old})
	if err != nil || same.HasChanges {
		t.Errorf("equal inputs are a change: %v, %v", same, err)
	}
	changed, err := plug.server.Diff(p.DiffRequest{Urn: plug.urn, State: old, OldInputs: old, Inputs: plug.check(
		inputs{"create": text("true"), "triggers": property.New([]property.Value{text("b")})})})
	if err != nil || !changed.HasChanges {
		t.Errorf("another trigger is no change: %v, %v", changed, err)
	}
}

func TestACommandEndsWithTheTimeOfTheResource(t *testing.T) {
	for kind, more := range map[string]inputs{
		"local":  {},
		"remote": {"connection": connection(sshd.Start(t, 0), nil)},
	} {
		t.Run(kind, func(t *testing.T) {
			values := inputs{"create": text("echo begun; sleep 60; echo " + canary)}
			for name, value := range more {
				values[name] = value
			}
			begin := time.Now()
			_, err := newPlugin(t, kind).create(values, 1)
			fails(t, err, "its time was up", "begun")
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestFilesTextsAndDirectoriesAreCopied(t *testing.T) {
	server := sshd.Start(t, 0)
	plug := newPlugin(t, "copy")
	source := t.TempDir()
	if err := os.MkdirAll(filepath.Join(source, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"file": "a file", "below/other": "another"} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	target := t.TempDir()
	copied := func(name, content string) {
		t.Helper()
		found, err := os.ReadFile(filepath.Join(target, name))
		if err != nil || string(found) != content {
			t.Errorf("%s: %q, %v", name, found, err)
		}
	}
	put := func(source property.Value, path string) property.Map {
		return plug.mustCreate(inputs{
			"connection": connection(server, nil), "source": source, "remotePath": text(filepath.Join(target, path)),
		}).Properties
	}
	words, err := asset.FromText("a text")
	if err != nil {
		t.Fatal(err)
	}
	state := put(property.New(words), "new/parents/text")
	copied("new/parents/text", "a text")
	file, err := asset.FromPath(filepath.Join(source, "file"))
	if err != nil {
		t.Fatal(err)
	}
	put(property.New(file), "renamed")
	copied("renamed", "a file")
	put(property.New(file), "new")
	copied("new/file", "a file")

	other, err := asset.FromText("another text")
	if err != nil {
		t.Fatal(err)
	}
	plug.mustUpdate(state, inputs{
		"connection": connection(server, nil), "source": property.New(other), "remotePath": state.Get("remotePath"),
	})
	copied("new/parents/text", "another text")
}

// TestNames writes down and checks what the plugin calls things, as the bridged plugins' tests do with theirs.
func TestNames(t *testing.T) {
	type schema struct {
		Types     map[string]struct{ Properties map[string]json.RawMessage }
		Resources map[string]struct{ InputProperties, Properties map[string]json.RawMessage }
	}
	described, err := newPlugin(t, "local").server.GetSchema(p.GetSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var parsed schema
	if err := json.Unmarshal([]byte(described.Schema), &parsed); err != nil {
		t.Fatal(err)
	}
	var translate func(map[string]json.RawMessage) map[string]any
	translate = func(properties map[string]json.RawMessage) map[string]any {
		translated := map[string]any{}
		for name, about := range properties {
			translated[name] = nil
			for token, held := range parsed.Types {
				if len(held.Properties) > 0 && bytes.Contains(about, []byte(fmt.Sprintf("#/types/%s\"", token))) {
					translated[name] = translate(held.Properties)
				}
			}
		}
		return translated
	}
	resources := map[string]any{}
	for token, about := range parsed.Resources {
		resources[token] = map[string]any{"inputs": translate(about.InputProperties), "outputs": translate(about.Properties)}
	}
	names.HoldDescription(t, map[string]any{"resources": resources})
}
