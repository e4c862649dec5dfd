package webtest

import (
	"io"
	"net"
	"testing"
)

// FreeAddress is host:port, on loopback, of what another process is about to listen on. A
// port that was only found free would be given to the next test that asks for any; this
// one has just had a connection, and whoever names it may listen there, while for a minute
// nobody is given it (TIME_WAIT).
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = near.Close() }()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = far.Close() // who closes first is who waits
	_, _ = io.Copy(io.Discard, near)
	return l.Addr().String()
}
