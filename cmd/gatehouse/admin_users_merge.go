package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/web/api"
)

func newUsersMergeCommand(i *invocation) *cobra.Command {
	var try bool
	cmd := &cobra.Command{
		Use:   "merge SOURCE TARGET",
		Short: "Merge a user into another",
		Long: `Gives TARGET what is SOURCE's: memberships, extra scopes, consents, clients,
passkeys. What both have stays as TARGET has it, name, address, password and role
among it. Everything of SOURCE is ended, SOURCE is deleted, and its id is never
used again. --dry-run shows what would become of everything, the conflicts first.`,
		Example: `  gatehouse admin users merge ann2 ann --dry-run
  gatehouse admin users merge ann2 ann`,
		Args: cobra.ExactArgs(2),
	}
	cmd.Flags().BoolVar(&try, "dry-run", false, "Only show what would become of everything")
	agreed := i.agreement(cmd)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		if !try {
			if err := agreed.to(ctx, fmt.Sprintf("Merge %s into %s, and delete %s", args[0], args[1], args[0])); err != nil {
				return err
			}
		}
		in := api.UserMerge{UserPath: userPath(args[0])}
		in.Body.Target, in.Body.Try = args[1], try
		m, err := client.Call(ctx, o.api, api.MergeUsers, in)
		if err != nil {
			return err
		}
		if o.print.Format == output.JSON {
			return o.print.One(m)
		}
		var problems []error
		for _, part := range []struct {
			what string
			of   map[string]int
		}{{"Both have, and the source's goes", m.Kept}, {"Goes to the target", m.Moved}, {"Ends", m.Ended}} {
			_, err := fmt.Fprintf(o.print.To, "%-34s%s\n", part.what+":", counted(part.of))
			problems = append(problems, err)
		}
		return errors.Join(problems...)
	})
}

// counted is counts by kind, in words.
func counted(counts map[string]int) string {
	if len(counts) == 0 {
		return "nothing"
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s (%d)", kind, counts[kind]))
	}
	return strings.Join(parts, ", ")
}
