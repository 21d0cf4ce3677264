// Package sshd starts Debian's SSH server for tests: on the loopback, with keys of its own, as the user who runs the tests.
package sshd

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// Server is a running SSH server.
type Server struct {
	Port       int
	User       string
	HostKey    string // in the form that authorized_keys has
	PrivateKey string // a key that may log in
}

// Key makes an ed25519 key: the private one in OpenSSH's form, and the public one as in authorized_keys.
func Key(t *testing.T) (private, public string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
}

// FreePort finds a port of the loopback that nobody listens on.
func FreePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Start starts a server, which ends with the test. Its start is delayed by the time given.
func Start(t *testing.T, delay time.Duration) Server {
	t.Helper()
	const program = "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		t.Fatal("there is no sshd: run toolchain/install sshd")
	}
	account, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	server := Server{Port: FreePort(t), User: account.Username}
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	hostKey, hostPublic := Key(t)
	userKey, userPublic := Key(t)
	server.HostKey, server.PrivateKey = hostPublic, userKey
	config := fmt.Sprintf(`ListenAddress 127.0.0.1
Port %d
HostKey %s
AuthorizedKeysFile %s
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
AcceptEnv GREETING PULUMI_COMMAND_*
Subsystem sftp internal-sftp
`, server.Port, write("host_key", hostKey), write("authorized_keys", userPublic))
	command := exec.Command(program, "-D", "-e", "-f", write("sshd_config", config))
	if os.Getuid() == 0 {
		// The package makes it at boot; sshd does not start without.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	start := func() error { return command.Start() }
	if delay > 0 {
		time.AfterFunc(delay, func() { _ = start() })
	} else if err := start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if command.Process != nil {
			_ = command.Process.Kill()
			_ = command.Wait()
		}
	})
	return server
}
