package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// direct is an admin command that works on the directory itself: those whose
// operations the API does not have yet.
type direct struct {
	*directory.Service
	as    directory.Actor
	print output.Printer
}

func (i *invocation) directly(cmd *cobra.Command, run func(context.Context, *direct, []string) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := i.settings(cmd)
		if err != nil {
			return err
		}
		return i.withStore(cmd.Context(), c, func(s *postgres.Store) error {
			return run(cmd.Context(), &direct{directory.New(s, nil, i.now), hostActor(), i.print()}, args)
		})
	}
	return cmd
}

// printList prints a list of documents.
func printList[T any](p output.Printer, items []T, next string) error {
	if items == nil {
		items = []T{}
	}
	return output.List(p, struct {
		Items []T    `json:"items"`
		Next  string `json:"next,omitempty"`
	}{items, next}, items, next)
}

func directPageFlags(cmd *cobra.Command, p *directory.Paging) {
	cmd.Flags().IntVar(&p.Limit, "limit", 50, "How many to show, 1 to 500")
	cmd.Flags().StringVar(&p.Cursor, "after", "", "Continue a list: what the part before it said")
}

func patterns(scopes []string) ([]authz.Pattern, error) {
	return authz.ParsePatterns(joined(scopes))
}

func scopeSet(scopes []string) (authz.ScopeSet, error) {
	return authz.ParseScopeSet(joined(scopes))
}

// at is an instant as documents have it: null for "never".
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Microsecond)
	return &t
}
