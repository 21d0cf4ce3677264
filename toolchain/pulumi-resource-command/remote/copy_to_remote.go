package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pkg/sftp"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"

	"github.com/terraform-providers/terraform-provider-docker/toolchain/pulumi-resource-command/process"
)

// CopyToRemote is command:remote:CopyToRemote. It has no delete: what was copied stays.
type CopyToRemote struct{}

// CopyInputs are its inputs.
type CopyInputs struct {
	Connection Connection           `pulumi:"connection" provider:"secret"`
	Triggers   *[]any               `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Source     types.AssetOrArchive `pulumi:"source"`
	RemotePath string               `pulumi:"remotePath"`
}

// CopyOutputs are its outputs.
type CopyOutputs struct {
	CopyInputs
}

// Check takes what the SDK documents: a file, a text, or a file or directory as an archive. Nothing is fetched or unpacked.
func (CopyToRemote) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[CopyInputs], error) {
	inputs, failures, err := infer.DefaultCheck[CopyInputs](ctx, req.NewInputs)
	if err == nil && len(failures) == 0 && !inputs.copyable() {
		failures = append(failures, p.CheckFailure{
			Property: "source",
			Reason:   "must be a FileAsset, a StringAsset, or a FileArchive",
		})
	}
	return infer.CheckResponse[CopyInputs]{Inputs: inputs, Failures: failures}, err
}

// Create copies.
func (CopyToRemote) Create(
	ctx context.Context, req infer.CreateRequest[CopyInputs],
) (infer.CreateResponse[CopyOutputs], error) {
	id, err := process.NewID(req.Name)
	if err == nil && !req.DryRun {
		err = req.Inputs.copy(ctx)
	}
	return infer.CreateResponse[CopyOutputs]{ID: id, Output: CopyOutputs{req.Inputs}}, err
}

// Update copies again if the content or the destination is another one; a new way to connect is only kept.
func (CopyToRemote) Update(
	ctx context.Context, req infer.UpdateRequest[CopyInputs, CopyOutputs],
) (infer.UpdateResponse[CopyOutputs], error) {
	var err error
	changed := req.Inputs.hash() != req.State.hash() || req.Inputs.RemotePath != req.State.RemotePath
	if changed && !req.DryRun {
		err = req.Inputs.copy(ctx)
	}
	return infer.UpdateResponse[CopyOutputs]{Output: CopyOutputs{req.Inputs}}, err
}

func (in CopyInputs) copyable() bool {
	if in.Source.Asset != nil {
		return in.Source.Asset.IsPath() || in.Source.Asset.IsText()
	}
	return in.Source.Archive != nil && in.Source.Archive.IsPath()
}

func (in CopyInputs) hash() string {
	if in.Source.Asset != nil {
		return in.Source.Asset.Hash
	}
	return in.Source.Archive.Hash
}

// copy connects and puts the source in its place.
func (in CopyInputs) copy(ctx context.Context) error {
	client, err := in.Connection.Dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	files, err := sftp.NewClient(client)
	if err != nil {
		return fmt.Errorf("the host offers no file transfer: %w", err)
	}
	defer files.Close()

	err = in.put(files)
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return errors.New("the copy was not finished when its time was up (customTimeouts)")
	case ctx.Err() != nil:
		return errors.New("the copy was cancelled")
	}
	return err
}

// put writes the source below or at the remote path, after the SDK's rules: parents are made; into an existing directory the source
// goes under its own name, unless it is a directory given with a final slash, which stands for its content.
func (in CopyInputs) put(files *sftp.Client) error {
	target := in.RemotePath
	if parent := path.Dir(target); parent != "." && parent != "/" {
		if err := files.MkdirAll(parent); err != nil {
			return fmt.Errorf("cannot make the remote directory %s: %w", parent, err)
		}
	}
	existing, err := files.Stat(target)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot look at the remote path %s: %w", target, err)
	}
	into := existing != nil && existing.IsDir()

	if in.Source.Asset != nil && in.Source.Asset.IsText() {
		if into {
			return fmt.Errorf("the remote path %s is a directory; a text needs the path of a file", target)
		}
		return write(files, target, strings.NewReader(in.Source.Asset.Text))
	}

	source := in.source()
	about, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !about.IsDir() {
		if into {
			target = path.Join(target, filepath.Base(source))
		}
		return putFile(files, source, target)
	}
	if existing != nil && !into {
		return fmt.Errorf("the remote path %s is a file; a directory cannot go there", target)
	}
	if !strings.HasSuffix(source, "/") {
		target = path.Join(target, filepath.Base(source))
	}
	return putDirectory(files, source, target)
}

func (in CopyInputs) source() string {
	if in.Source.Asset != nil {
		return in.Source.Asset.Path
	}
	return in.Source.Archive.Path
}

func putDirectory(files *sftp.Client, source, target string) error {
	return filepath.WalkDir(source, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(source, name)
		if err != nil {
			return err
		}
		remote := path.Join(target, filepath.ToSlash(relative))
		if !entry.IsDir() {
			return putFile(files, name, remote)
		}
		if err := files.MkdirAll(remote); err != nil {
			return fmt.Errorf("cannot make the remote directory %s: %w", remote, err)
		}
		return nil
	})
}

func putFile(files *sftp.Client, source, target string) error {
	local, err := os.Open(source)
	if err != nil {
		return err
	}
	defer local.Close()
	return write(files, target, local)
}

func write(files *sftp.Client, target string, content io.Reader) error {
	remote, err := files.Create(target)
	if err != nil {
		return fmt.Errorf("cannot make the remote file %s: %w", target, err)
	}
	_, err = remote.ReadFrom(content)
	// The host may say only now that its disk is full.
	if err = errors.Join(err, remote.Close()); err != nil {
		return fmt.Errorf("cannot write the remote file %s: %w", target, err)
	}
	return nil
}
