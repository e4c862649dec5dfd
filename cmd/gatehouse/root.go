package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
)

const (
	groupRun     = "run"
	groupOperate = "operate"
)

// newRootCommand is the whole tree.
func newRootCommand(i *invocation) *cobra.Command {
	root := group("gatehouse", "An OAuth 2.1 and OpenID Connect server, and the user directory behind it",
		`Gatehouse signs people in, issues tokens, and keeps the users, tenants, groups,
clients and sessions behind them. With nothing configured it runs a private
PostgreSQL in its data directory; see docs/configuration.md for every setting.`,
		`  # Start a server on http://localhost:8080
  gatehouse serve

  # Make the first user
  printf %s "$PASSWORD" | gatehouse admin users create --username ann --email ann@example.com --role owner --password-stdin`)
	root.Version = version()
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(i.in)
	root.SetOut(i.out)
	root.SetErr(i.errs)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// The flag is that of a command which does not exist.
		if cmd.HasSubCommands() && cmd.Flags().NArg() > 0 {
			return noCommand(cmd, cmd.Flags().Arg(0))
		}
		return usageError{cmd, err}
	})
	root.SetVersionTemplate("{{.Version}}\n")
	root.PersistentFlags().VarP(&i.format, "output", "o", "The form of the answer")
	config.AddFlags(root.PersistentFlags())
	root.AddGroup(&cobra.Group{ID: groupRun, Title: "Run:"}, &cobra.Group{ID: groupOperate, Title: "Operate:"})

	add(root, groupRun, newServeCommand(i), newDemoCommand(i), newGuardCommand(i))
	add(root, groupOperate, newAdminCommand(i), newMigrateCommand(i), newDBCommand(i))
	add(root, groupOperate, newLoginCommand(i), newLogoutCommand(i), newWhoAmICommand(i))
	root.AddCommand(newVersionCommand(i))
	completable(root)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	asUsageErrors(root)
	return root
}

func add(parent *cobra.Command, group string, children ...*cobra.Command) {
	for _, c := range children {
		c.GroupID = group
		parent.AddCommand(c)
	}
}

// group is a command that only holds others: alone it explains itself, and an
// unknown word after it is an error rather than a page of help.
func group(use, short, long, example string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return noCommand(cmd, args[0])
		},
	}
	cmd.AddCommand(children...)
	return cmd
}

func noCommand(cmd *cobra.Command, word string) error {
	message := fmt.Sprintf("there is no command %q after %q", word, cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		message += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return usageError{cmd, errors.New(message)}
}

// asUsageErrors marks what is wrong with the arguments and flags of any command
// below as a mistake of the caller. cobra looks at the flags itself, but only
// after the arguments, and its error cannot be told from others.
func asUsageErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := cmp.Or(check(cmd, args), cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups())
			if err != nil {
				return usageError{cmd, err}
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		asUsageErrors(child)
	}
}

// require marks flags without which a command makes no sense.
func require(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is declared one line above
		}
	}
}

// requireAny is for a command that changes something: one of its flags has to say what.
func requireAny(cmd *cobra.Command) {
	var flags []string
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { flags = append(flags, f.Name) })
	cmd.MarkFlagsOneRequired(flags...)
}
