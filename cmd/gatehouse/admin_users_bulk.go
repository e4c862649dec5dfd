package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/records"
)

func newUsersBulkCommand(i *invocation) *cobra.Command {
	return group("bulk", "Do one thing to many users",
		`Does one thing to every user of a FILE, or of standard input. The whole of it is
judged first: when one line is refused, nothing is changed, and the answer says
which lines and why. Then the changes are made, two hundred at a time, each with
its own line in the audit log. After an interruption, run the same command again
with --resume: what is done already is left alone.`,
		`  gatehouse admin users bulk import people.csv
  gatehouse admin users bulk disable < leavers.txt
  gatehouse admin users bulk role viewer interns.txt`,
		newUsersBulkImportCommand(i), newUsersBulkUpdateCommand(i),
		i.bulkOf("disable", "Keep many users out"), i.bulkOf("enable", "Let many disabled users in again"),
		i.bulkOf("delete", "Delete many users"), i.bulkOf("revoke-all", "End every session of many users"),
		newUsersBulkGroupCommand(i), newUsersBulkRoleCommand(i))
}

// The columns of what describes users, and of what only names them.
var (
	contactColumns = []string{"phone_number", "phone_number_verified", "street_address", "locality", "region", "postal_code", "country"}
	importColumns  = append([]string{"username", "email", "display_name", "language", "role", "tenant", "password", "password_hash"}, contactColumns...)
	updateColumns  = append([]string{"user", "username", "email", "display_name", "avatar_url", "language", "role", "disabled"}, contactColumns...)
	nameColumns    = []string{"user"}
)

func newUsersBulkImportCommand(i *invocation) *cobra.Command {
	b := bulk{action: "import", columns: importColumns, unique: []string{"username", "email"}}
	return i.bulkCommand(&b, &cobra.Command{
		Use:   "import [FILE]",
		Short: "Create many users",
		Long: `Creates the users of a file: CSV whose first line names the columns, or one JSON
object to a line. The columns are username, email, display_name, language, role,
tenant, password, password_hash (argon2id in PHC string format), phone_number,
phone_number_verified (true or false), street_address, locality, region,
postal_code and country; the first two are needed. Each password costs a moment of
a core, a hash nothing.`,
		Example: `  gatehouse admin users bulk import people.csv
  gatehouse admin users bulk import people.csv --resume
  gatehouse admin users bulk import --dry-run < people.ndjson`,
		Args: cobra.MaximumNArgs(1),
	}, 0)
}

func newUsersBulkUpdateCommand(i *invocation) *cobra.Command {
	b := bulk{action: "update", columns: updateColumns, unique: []string{"user", "username", "email"}}
	return i.bulkCommand(&b, &cobra.Command{
		Use:   "update [FILE]",
		Short: "Change many users",
		Long: `Changes the users of a file: CSV whose first line names the columns, or one JSON
object to a line. The column user names whom; username, email, display_name,
avatar_url, language, role, disabled (true or false), phone_number,
phone_number_verified (true or false), street_address, locality, region,
postal_code and country say what to change. What is empty stays.`,
		Example: "  gatehouse admin users bulk update moved.csv",
		Args:    cobra.MaximumNArgs(1),
	}, 0)
}

const namesHelp = ": those whom a file names, by id, user name or e-mail\naddress, one to a line. With --format csv or ndjson, the column is user."

func (i *invocation) bulkOf(action, short string) *cobra.Command {
	b := bulk{action: action, columns: nameColumns, unique: nameColumns, format: records.Names}
	cmd := &cobra.Command{
		Use:     action + " [FILE]",
		Short:   short,
		Long:    short + namesHelp,
		Example: "  gatehouse admin users bulk " + action + " < users.txt",
		Args:    cobra.MaximumNArgs(1),
	}
	if action == "delete" {
		b.agreed = i.agreement(cmd)
	}
	return i.bulkCommand(&b, cmd, 0)
}

func newUsersBulkGroupCommand(i *invocation) *cobra.Command {
	b := bulk{action: "add-to-group", columns: nameColumns, unique: nameColumns, format: records.Names}
	return i.bulkCommand(&b, &cobra.Command{
		Use:     "add-to-group GROUP-ID [FILE]",
		Short:   "Make many users members of a group",
		Long:    "Makes users members of a group, which is named by its id" + namesHelp,
		Example: "  gatehouse admin users bulk add-to-group 019512f0-7a3b-7c4d-8e5f-0123456789ab users.txt",
		Args:    cobra.RangeArgs(1, 2),
	}, 1, func(name string) error { b.group = name; return nil })
}

func newUsersBulkRoleCommand(i *invocation) *cobra.Command {
	b := bulk{action: "update", columns: nameColumns, unique: nameColumns, format: records.Names}
	return i.bulkCommand(&b, &cobra.Command{
		Use:     "role ROLE [FILE]",
		Short:   "Give many users a role",
		Long:    "Gives users a role" + namesHelp,
		Example: "  gatehouse admin users bulk role viewer < interns.txt",
		Args:    cobra.RangeArgs(1, 2),
	}, 1, func(name string) error { b.role = name; return nil })
}

// bulkCommand makes the command of a bulk. The first words are for the takers, the
// one behind them is the file.
func (i *invocation) bulkCommand(b *bulk, cmd *cobra.Command, words int, take ...func(string) error) *cobra.Command {
	var format string
	cmd.Flags().StringVar(&format, "format", "", "csv, ndjson or names (default: what the file begins with, or names)")
	cmd.Flags().BoolVar(&b.try, "dry-run", false, "Only say what would be refused")
	cmd.Flags().BoolVar(&b.resume, "resume", false, "Leave alone what an interrupted run has done already")
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		for n, set := range take {
			if err := set(args[n]); err != nil {
				return err
			}
		}
		switch given := records.Format(format); given {
		case "":
		case records.CSV, records.NDJSON, records.Names:
			b.format = given
		default:
			return usageError{cmd, fmt.Errorf("%.20q is none of csv, ndjson and names", format)}
		}
		file := ""
		if len(args) > words {
			file = args[words]
		}
		return b.run(ctx, i, o, file)
	})
}
