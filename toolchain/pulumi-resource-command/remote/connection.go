// Package remote runs commands and puts files on remote hosts, over SSH.
package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Between two attempts to connect: the first pause, by how much each one is longer than the last, and the longest. They are those
// of the official plugin.
const (
	firstPause  = 100 * time.Millisecond
	pauseGrowth = 1.5
	longestWait = 5 * time.Second
)

// A connection is asked for a sign of life this often, and given up when there is none for so long. A host that is gone without
// a word (power, network, a firewall) would else leave a command waiting for ever.
var (
	keepAliveInterval = 5 * time.Second
	keepAliveLimit    = 15 * time.Second
)

// Endpoint is one SSH server, and how to log in there.
type Endpoint struct {
	Host               string   `pulumi:"host"`
	Port               *float64 `pulumi:"port,optional"`
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional"`
	PrivateKey         *string  `pulumi:"privateKey,optional"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	HostKey            *string  `pulumi:"hostKey,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
}

// Annotate tells infer the defaults.
func (e *Endpoint) Annotate(a infer.Annotator) {
	a.SetDefault(&e.Port, 22)
	a.SetDefault(&e.User, "root")
	a.SetDefault(&e.DialErrorLimit, 10)
	a.SetDefault(&e.PerDialTimeout, 15)
}

// Proxy is the host in between, where there is one.
type Proxy struct {
	Endpoint
}

// Annotate tells infer the defaults; it does not look into embedded types by itself.
func (proxy *Proxy) Annotate(a infer.Annotator) { proxy.Endpoint.Annotate(a) }

// Connection says how to reach a host.
type Connection struct {
	Endpoint
	Proxy *Proxy `pulumi:"proxy,optional"`
}

// Annotate tells infer the defaults; it does not look into embedded types by itself.
func (c *Connection) Annotate(a infer.Annotator) { c.Endpoint.Annotate(a) }

// Dial connects, directly or through the proxy, as often as the connection's limit of errors says. The client ends by itself when
// the context does, or when the host gives no sign of life.
func (c Connection) Dial(ctx context.Context) (*ssh.Client, error) {
	if c.Proxy == nil {
		direct := &net.Dialer{}
		return c.dial(ctx, direct.DialContext)
	}
	proxy, err := c.Proxy.dial(ctx, (&net.Dialer{}).DialContext)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	client, err := c.dial(ctx, proxy.DialContext)
	if err != nil {
		_ = proxy.Close()
		return nil, err
	}
	go func() {
		_ = client.Wait()
		_ = proxy.Close()
	}()
	return client, nil
}

// dialer opens a connection to an address.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// dial connects to one server, again and again until it succeeds, the errors are more than the limit, or the context ends.
func (e Endpoint) dial(ctx context.Context, dial dialer) (*ssh.Client, error) {
	config, err := e.config()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(e.Host, strconv.Itoa(int(*e.Port)))
	limit := *e.DialErrorLimit
	pause := firstPause
	for failures := 1; ; failures++ {
		client, err := attempt(ctx, dial, address, config)
		if err == nil {
			return client, nil
		}
		err = fmt.Errorf("cannot connect to %s as %s: %w", address, config.User, err)
		if limit >= 0 && failures > limit {
			return nil, fmt.Errorf("%w (after %d attempts)", err, failures)
		}
		p.GetLogger(ctx).InfoStatusf("attempt %d: %v", failures, err)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (time is up after %d attempts)", err, failures)
		case <-time.After(pause):
		}
		pause = min(time.Duration(float64(pause)*pauseGrowth), longestWait)
	}
}

// attempt connects once. The time limit of an attempt covers the SSH handshake too: something may accept a connection and then
// say nothing, as the port forwarder of a server that is still booting does.
func attempt(ctx context.Context, dial dialer, address string, config *ssh.ClientConfig) (*ssh.Client, error) {
	connecting := ctx
	if config.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, config.Timeout)
		defer cancel()
		connecting = limited
	}
	conn, err := dial(connecting, "tcp", address)
	if err != nil {
		return nil, err
	}
	giveUp := context.AfterFunc(connecting, func() { _ = conn.Close() })
	handshaken, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if !giveUp() {
		_ = conn.Close()
		return nil, fmt.Errorf("no SSH handshake: %w", context.Cause(connecting))
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	client := ssh.NewClient(handshaken, channels, requests)
	go watch(ctx, client)
	return client, nil
}

// watch closes a client whose context ends or whose host gives no sign of life, so that whoever waits for it gets an error.
func watch(ctx context.Context, client *ssh.Client) {
	ended := make(chan struct{})
	go func() {
		_ = client.Wait()
		close(ended)
	}()
	for {
		select {
		case <-ended:
			return
		case <-ctx.Done():
			_ = client.Close()
			return
		case <-time.After(keepAliveInterval):
		}
		alive := make(chan error, 1)
		go func() {
			_, _, err := client.SendRequest("keepalive@openssh.com", true, nil)
			alive <- err
		}()
		select {
		case <-ended:
			return
		case <-ctx.Done():
		case err := <-alive:
			if err == nil {
				continue
			}
		case <-time.After(keepAliveLimit):
		}
		_ = client.Close()
		return
	}
}

// config is what the SSH library wants to know.
func (e Endpoint) config() (*ssh.ClientConfig, error) {
	config := &ssh.ClientConfig{
		User:            *e.User,
		Timeout:         time.Duration(*e.PerDialTimeout) * time.Second,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // what the SDK promises for a connection without hostKey
	}
	if e.HostKey != nil {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
		if err != nil {
			return nil, errors.New("connection.hostKey is not a public key in the form that authorized_keys has")
		}
		config.HostKeyCallback = pinned(key)
		config.HostKeyAlgorithms = algorithms(key)
	}
	if e.PrivateKey != nil {
		signer, err := parsePrivateKey(*e.PrivateKey, e.PrivateKeyPassword)
		if err != nil {
			return nil, fmt.Errorf("connection.privateKey: %w", err)
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if e.Password != nil {
		answer := func(_, _ string, questions []string, _ []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range answers {
				answers[i] = *e.Password
			}
			return answers, nil
		}
		config.Auth = append(config.Auth, ssh.Password(*e.Password), ssh.KeyboardInteractive(answer))
	}
	socket := os.Getenv("SSH_AUTH_SOCK")
	if e.AgentSocketPath != nil {
		socket = *e.AgentSocketPath
	}
	if socket != "" {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return nil, fmt.Errorf("the SSH agent does not answer: %w", err)
		}
		config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
	}
	return config, nil
}

// pinned accepts one host key and no other, and says which one came instead.
func pinned(expected ssh.PublicKey) ssh.HostKeyCallback {
	fixed := ssh.FixedHostKey(expected)
	return func(host string, address net.Addr, key ssh.PublicKey) error {
		if fixed(host, address, key) != nil {
			return fmt.Errorf("the host key is not the expected one: got %s %s, expected %s %s",
				key.Type(), ssh.FingerprintSHA256(key), expected.Type(), ssh.FingerprintSHA256(expected))
		}
		return nil
	}
}

// algorithms asks the server for the kind of key that is expected: it may have several.
func algorithms(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	return []string{key.Type()}
}

func parsePrivateKey(pem string, password *string) (ssh.Signer, error) {
	if password != nil {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(pem), []byte(*password))
	}
	return ssh.ParsePrivateKey([]byte(pem))
}
