package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/web/api"
)

func newUsersStatsCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:   "stats",
		Short: "Show a dashboard: users, sign-ins, sessions, clients",
		Long: `Shows how many users there are, by status, role and tenant, how many signed in on
each of the last fourteen days (of UTC), how many sessions stand, and which
clients were used the most in these days.`,
		Example: `  gatehouse admin users stats
  gatehouse admin users stats --output json`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, o *operator, _ []string) error {
		stats, err := client.Call(ctx, o.api, api.ShowUserStats, struct{}{})
		if err != nil {
			return err
		}
		if o.print.Format == output.JSON {
			return o.print.One(stats)
		}
		_, err = io.WriteString(o.print.To, dashboard(stats))
		return err
	})
}

// dashboard is the numbers as people look at them.
func dashboard(s api.UserStats) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Users     %d: %d active, %d disabled, %d never signed in\nSessions  %d\n", s.Total, s.Active, s.Disabled, s.NeverSignedIn, s.ActiveSessions)
	days := make([]api.Tally, len(s.SignIns))
	for i, day := range s.SignIns {
		days[i] = api.Tally{Name: day.Date, Count: day.Count}
	}
	for _, part := range []struct {
		title string
		of    []api.Tally
	}{{"Roles", s.Roles}, {"Tenants with the most members", s.Tenants}, {"Sign-ins per day", days}, {"Clients used the most", s.Clients}} {
		if len(part.of) > 0 {
			fmt.Fprintf(&b, "\n%s\n", part.title)
			bars(&b, part.of)
		}
	}
	return b.String()
}

// bars draws each count as a bar, the greatest of them forty characters long.
func bars(b *strings.Builder, tallies []api.Tally) {
	const longest = 40
	width, most := 0, 1
	for _, t := range tallies {
		width, most = max(width, len([]rune(output.Visible(t.Name)))), max(most, t.Count)
	}
	for _, t := range tallies {
		name := output.Visible(t.Name)
		length := t.Count * longest / most
		if t.Count > 0 {
			length = max(length, 1)
		}
		fmt.Fprintf(b, "  %s%s  %s %d\n", name, strings.Repeat(" ", width-len([]rune(name))), strings.Repeat("█", length), t.Count)
	}
}

func newUsersExportCommand(i *invocation) *cobra.Command {
	var in api.UserNarrowing
	var lines bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export users to JSON",
		Long: `Writes every user, or those that the flags choose, as they arrive: as one JSON
document, or with --ndjson one user to a line. Password hashes are not in it:
"gatehouse db export" is the backup.`,
		Example: `  gatehouse admin users export --tenant acme > users.json
  gatehouse admin users export --ndjson | jq -r .email`,
		Args: cobra.NoArgs,
	}
	narrowingFlags(cmd, &in)
	cmd.Flags().BoolVar(&lines, "ndjson", false, "Write one user to a line")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		out := bufio.NewWriter(i.out)
		begin, between, end := "{\"items\":[\n", ",\n", "\n]}\n"
		if lines {
			begin, between, end = "", "\n", "\n"
		}
		first := true
		for user, err := range client.Lines(ctx, o.api, api.ExportUsers, in) {
			if err != nil {
				return errors.Join(err, out.Flush())
			}
			document, err := json.Marshal(user)
			if err != nil {
				return err
			}
			before := between
			if first {
				before = begin
			}
			first = false
			_, _ = io.WriteString(out, before) // Flush reports what went wrong
			_, _ = out.Write(document)
		}
		if first && !lines {
			_, _ = io.WriteString(out, begin)
		}
		if !first || !lines {
			_, _ = io.WriteString(out, end)
		}
		return out.Flush()
	})
}
