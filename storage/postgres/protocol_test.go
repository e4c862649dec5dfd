package postgres_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// TestM5_ExtendedProtocolAlone: values travel beside statements, whatever the URL of the
// database asks for.
func TestM5_ExtendedProtocolAlone(t *testing.T) {
	t.Parallel()
	with := func(mode string) error {
		dsn := storagetest.NewDSN(t)
		if u, err := url.Parse(dsn); err == nil && u.Scheme != "" {
			q := u.Query()
			q.Set("default_query_exec_mode", mode)
			u.RawQuery = q.Encode()
			dsn = u.String()
		} else {
			dsn += " default_query_exec_mode=" + mode
		}
		s, err := postgres.Open(t.Context(), dsn, postgres.Options{})
		if err == nil {
			s.Close()
		}
		return err
	}
	if err := with("simple_protocol"); err == nil || !strings.Contains(err.Error(), "default_query_exec_mode") {
		t.Errorf("the simple protocol: %v", err)
	}
	if err := with("exec"); err != nil {
		t.Errorf("the extended one, without prepared statements: %v", err)
	}
}
