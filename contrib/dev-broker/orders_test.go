package orders

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func leat() string {
	if name := os.Getenv("LEAT"); name != "" {
		return name
	}
	return "leat"
}

// broker starts a broker with one topic, which ends with the test, and returns its address for any Kafka client.
func broker(t *testing.T, topic string) string {
	t.Helper()
	cmd := exec.Command(leat(), "dev", "--port", "0", "--http-port", "0", "--topic", topic, "--json")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("leat dev: %v", err)
		}
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("leat dev did not start: %v", err)
	}
	var ready struct{ Broker string }
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatal(err)
	}
	return ready.Broker
}

func TestRecordComesBack(t *testing.T) {
	address := broker(t, "orders:3")
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatalf("ready, but nobody answers: %v", err)
	}
	_ = conn.Close()
	produce := exec.Command(leat(), "produce", "orders", "-q", "-b", address)
	produce.Stdin = strings.NewReader("hello\n")
	if err := produce.Run(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(leat(), "cat", "orders", "-b", address).Output()
	if err != nil || string(out) != "hello\n" {
		t.Fatalf("%q, %v", out, err)
	}
}
