package remote

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/terraform-providers/terraform-provider-docker/toolchain/internal/sshd"
	"github.com/terraform-providers/terraform-provider-docker/toolchain/pulumi-resource-command/process"
)

// wire forwards connections to a server until the last one is cut or it goes deaf.
type wire struct {
	port int
	deaf atomic.Bool
	conn atomic.Pointer[net.TCPConn]
}

func newWire(t *testing.T, target int) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	w := &wire{port: listener.Addr().(*net.TCPAddr).Port}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(target)))
			if err != nil {
				_ = near.Close() // the server is not up yet; the next attempt comes
				continue
			}
			w.conn.Store(near.(*net.TCPConn))
			go w.forward(near, far)
			go w.forward(far, near)
		}
	}()
	return w
}

func (w *wire) forward(from io.Reader, to io.Writer) {
	buffer := make([]byte, 32*1024)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if !w.deaf.Load() {
			_, _ = to.Write(buffer[:n])
		}
	}
}

// A host that dies says nothing any more, or its kernel resets the connection: either way the command is not waited for.
func TestAConnectionThatDiesInTheMiddleIsAnErrorSoon(t *testing.T) {
	interval, limit := keepAliveInterval, keepAliveLimit
	keepAliveInterval, keepAliveLimit = 100*time.Millisecond, 500*time.Millisecond
	t.Cleanup(func() { keepAliveInterval, keepAliveLimit = interval, limit })

	for name, die := range map[string]func(*wire){
		"silence": func(w *wire) { w.deaf.Store(true) },
		"reset":   func(w *wire) { _ = w.conn.Load().Close() },
	} {
		t.Run(name, func(t *testing.T) {
			server := sshd.Start(t, 0)
			w := newWire(t, server.Port)
			port, seconds, attempts, command := float64(w.port), 5, 50, "echo begun; sleep 20"
			inputs := CommandInputs{
				Inputs: process.Inputs{Create: &command},
				Connection: Connection{Endpoint: Endpoint{
					Host: "127.0.0.1", Port: &port, User: &server.User, PrivateKey: &server.PrivateKey,
					HostKey: &server.HostKey, PerDialTimeout: &seconds, DialErrorLimit: &attempts,
				}},
			}
			time.AfterFunc(1500*time.Millisecond, func() { die(w) })
			begin := time.Now()
			_, err := Command{}.Create(context.Background(), infer.CreateRequest[CommandInputs]{Name: "it", Inputs: inputs})
			if err == nil {
				t.Fatal("no error")
			}
			if took := time.Since(begin); took > 6*time.Second {
				t.Errorf("it took %v: %v", took, err)
			}
		})
	}
}
