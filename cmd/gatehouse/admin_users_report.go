package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/web/api"
)

// userStats is how many users there are of each kind.
type userStats struct {
	Total    int `json:"total"`
	Active   int `json:"active"`
	Disabled int `json:"disabled"`
	Viewers  int `json:"viewers"`
	Users    int `json:"users"`
	Admins   int `json:"admins"`
	Owners   int `json:"owners"`
}

func newUsersStatsCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "stats",
		Short:   "Show how many users there are, by status and role",
		Long:    "Shows how many users there are, how many of them may sign in, and how many have each role.",
		Example: "  gatehouse admin users stats",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, o *operator, _ []string) error {
		var s userStats
		for _, count := range []struct {
			into *int
			of   api.UserNarrowing
		}{
			{&s.Total, api.UserNarrowing{}},
			{&s.Active, api.UserNarrowing{Status: "active"}},
			{&s.Disabled, api.UserNarrowing{Status: "disabled"}},
			{&s.Viewers, api.UserNarrowing{Role: "viewer"}},
			{&s.Users, api.UserNarrowing{Role: "user"}},
			{&s.Admins, api.UserNarrowing{Role: "admin"}},
			{&s.Owners, api.UserNarrowing{Role: "owner"}},
		} {
			n, err := client.Call(ctx, o.api, api.CountUsers, count.of)
			if err != nil {
				return err
			}
			*count.into = n.Count
		}
		return o.print.One(s)
	})
}

func newUsersExportCommand(i *invocation) *cobra.Command {
	var in api.UserNarrowing
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export users to JSON",
		Long: `Writes every user, or those of a role, a tenant or a status, as one JSON document,
as they arrive. Password hashes are not in it: "gatehouse db export" is the backup.`,
		Example: "  gatehouse admin users export --tenant acme > users.json",
		Args:    cobra.NoArgs,
	}
	narrowingFlags(cmd, &in)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		out := bufio.NewWriter(i.out)
		begin := `{"items":[`
		for user, err := range client.Lines(ctx, o.api, api.ExportUsers, in) {
			if err != nil {
				return errors.Join(err, out.Flush())
			}
			document, err := json.Marshal(user)
			if err != nil {
				return err
			}
			_, _ = io.WriteString(out, begin+"\n")
			_, _ = out.Write(document) // Flush reports what went wrong
			begin = ","
		}
		if begin != "," {
			_, _ = io.WriteString(out, begin)
		}
		_, _ = io.WriteString(out, "\n]}\n")
		return out.Flush()
	})
}
