package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/web/api"
)

func newUsersBulkCommand(i *invocation) *cobra.Command {
	return group("bulk", "Do one thing to many users",
		`Does one thing to every user that standard input names, one to a line, by id, user
name or e-mail address. Each is a change of its own: one that fails is reported,
the others are made, and the exit code is 1.`,
		`  gatehouse admin users bulk disable < leavers.txt
  gatehouse admin users bulk role viewer < interns.txt`,
		bulk(i, "disable", "Keep many users out", "disabled", api.DisableUser),
		bulk(i, "enable", "Let many disabled users in again", "enabled", api.EnableUser),
		bulk(i, "delete", "Delete many users", "deleted", api.DeleteUser),
		bulk(i, "revoke-all", "End every session of many users", "signed out", api.RevokeAllSessions),
		newUsersBulkRoleCommand(i))
}

func bulk[O any](i *invocation, name, short, status string, operation api.Operation[api.UserPath, O]) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     name,
		Short:   short,
		Long:    short + ": those that standard input names, one to a line.",
		Example: "  gatehouse admin users bulk " + name + " < users.txt",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, o *operator, _ []string) error {
		return i.forEachLine(o, status, func(name string) error {
			_, err := client.Call(ctx, o.api, operation, userPath(name))
			return err
		})
	})
}

func newUsersBulkRoleCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "role ROLE",
		Short:   "Give many users a role",
		Long:    "Gives the role to every user that standard input names, one to a line.",
		Example: "  gatehouse admin users bulk role viewer < interns.txt",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, o *operator, args []string) error {
		return i.forEachLine(o, args[0], func(name string) error {
			in := api.UserChange{UserPath: userPath(name)}
			in.Body.Role = &args[0]
			_, err := client.Call(ctx, o.api, api.UpdateUser, in)
			return err
		})
	})
}

// bulkDocument is what came of one line.
type bulkDocument struct {
	User   string `json:"user"`
	Status string `json:"status"`
	Error  string `json:"error"`
}

func (i *invocation) forEachLine(o *operator, status string, change func(name string) error) error {
	done := api.List[bulkDocument]{Items: []bulkDocument{}}
	failed := 0
	lines := bufio.NewScanner(i.in)
	for lines.Scan() {
		name := strings.TrimSpace(lines.Text())
		if name == "" {
			continue
		}
		d := bulkDocument{User: name, Status: status}
		if err := change(name); err != nil {
			d.Status, d.Error = "failed", err.Error()
			failed++
		}
		done.Items = append(done.Items, d)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read users from standard input: %w", err)
	}
	if err := output.List(o.print, done, done.Items, ""); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d users were not changed", failed, len(done.Items))
	}
	return nil
}
