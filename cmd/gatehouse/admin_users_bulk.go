package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/storage"
)

func newUsersBulkCommand(i *invocation) *cobra.Command {
	return group("bulk", "Do one thing to many users",
		`Does one thing to every user that standard input names, one to a line, by id, user
name or e-mail address. Each is a change of its own: one that fails is reported,
the others are made, and the exit code is 1.`,
		`  gatehouse admin users bulk disable < leavers.txt
  gatehouse admin users bulk role viewer < interns.txt`,
		i.bulk("disable", "Keep many users out", "disabled", func(o *operator) idChange { return o.DisableUser }),
		i.bulk("enable", "Let many disabled users in again", "enabled", func(o *operator) idChange { return o.EnableUser }),
		i.bulk("delete", "Delete many users", "deleted", func(o *operator) idChange { return o.DeleteUser }),
		i.bulk("revoke-all", "End every session of many users", "signed out", func(o *operator) idChange {
			return func(ctx context.Context, as directory.Actor, id authz.UserID) error {
				_, err := o.RevokeAllSessions(ctx, as, id)
				return err
			}
		}),
		newUsersBulkRoleCommand(i))
}

func (i *invocation) bulk(name, short, status string, change func(*operator) idChange) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     name,
		Short:   short,
		Long:    short + ": those that standard input names, one to a line.",
		Example: "  gatehouse admin users bulk " + name + " < users.txt",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, o *operator, _ []string) error {
		return i.forEachLine(ctx, o, status, change(o))
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
		role, err := authz.ParseRole(args[0])
		if err != nil {
			return err
		}
		return i.forEachLine(ctx, o, string(role), func(ctx context.Context, as directory.Actor, id authz.UserID) error {
			_, err := o.UpdateUser(ctx, as, id, directory.UserChange{Role: &role})
			return err
		})
	})
}

// bulkDocument is what came of one line.
type bulkDocument struct {
	User   string `json:"user"`
	ID     string `json:"id"`
	Status string `json:"status"`
	Error  string `json:"error"`
}

func (i *invocation) forEachLine(ctx context.Context, o *operator, status string, change idChange) error {
	var done []bulkDocument
	failed := 0
	lines := bufio.NewScanner(i.in)
	for lines.Scan() {
		name := strings.TrimSpace(lines.Text())
		if name == "" {
			continue
		}
		user, err := o.changeOne(ctx, name, change)
		d := bulkDocument{User: name, ID: user.ID.String(), Status: status}
		if err != nil {
			d.Status, d.Error = "failed", err.Error()
			failed++
		}
		done = append(done, d)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read users from standard input: %w", err)
	}
	if err := output.List(o.print, "users", done, ""); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d users were not changed", failed, len(done))
	}
	return nil
}

func (o *operator) changeOne(ctx context.Context, name string, change idChange) (storage.User, error) {
	user, err := o.User(ctx, o.as, name)
	if err != nil {
		return storage.User{}, err
	}
	return user, change(ctx, o.as, user.ID)
}
