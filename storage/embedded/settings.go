package embedded

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// settings are the arguments of the server. They are given at every start
// rather than written into the cluster, so that a release can change them.
func settings(cluster, socketDir string, preload, throwaway bool) []string {
	args := []string{"-D", cluster}
	set := func(name, value string) { args = append(args, "-c", name+"="+value) }

	set("listen_addresses", "")
	set("port", "5432")
	set("unix_socket_directories", `"`+strings.ReplaceAll(socketDir, `"`, `""`)+`"`)
	set("unix_socket_permissions", "0700")

	set("shared_buffers", "64MB")
	set("max_connections", "100")
	set("timezone", "UTC")

	set("log_destination", "stderr")
	set("logging_collector", "off")
	set("log_timezone", "UTC")
	set("log_line_prefix", "")
	// Row values (password hashes, addresses) stand in a message's detail, and
	// secrets may stand in a statement: neither is written.
	set("log_error_verbosity", "terse")
	set("log_min_error_statement", "panic")

	if preload {
		set("shared_preload_libraries", statistics)
	}
	if throwaway {
		set("fsync", "off")
		set("synchronous_commit", "off")
		set("full_page_writes", "off")
	}
	return args
}

// statistics is the library that counts statements, where it is installed.
const statistics = "pg_stat_statements"

// hasStatistics asks the installation itself where it keeps its libraries.
func hasStatistics(ctx context.Context, b Binaries, a account, dir string) bool {
	config, err := b.Path("pg_config")
	if err != nil {
		return false
	}
	out, err := runTool(a.command(ctx, syscall.SIGKILL, dir, config, "--pkglibdir"))
	if err != nil {
		return false
	}
	for _, suffix := range []string{".so", ".dylib"} {
		if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(out)), statistics+suffix)); err == nil {
			return true
		}
	}
	return false
}
