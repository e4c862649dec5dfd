package main

import (
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/cmd/internal/records"
	"github.com/gatehouse/gatehouse/storage"
)

// choices is what a shell offers behind a flag that takes one of few words, by the
// name of the flag, which means the same in every command.
var choices = map[string][]string{
	"output":       named(output.Table, output.JSON),
	"env":          named(config.Development, config.Production),
	"log-format":   named(config.LogText, config.LogJSON),
	"log-level":    {"debug", "info", "warn", "error"},
	"role":         named(authz.Roles()...),
	"status":       {"active", "disabled"},
	"kind":         named(storage.ClientWeb, storage.ClientSPA, storage.ClientNative, storage.ClientService, storage.ClientAgent),
	"origin":       named(storage.OriginOperator, storage.OriginDocument, storage.OriginToken, storage.OriginOpen),
	"open-to":      named(storage.OpenToNobody, storage.OpenToTenant, storage.OpenToEveryone),
	"auth-method":  {storage.AuthMethodBasic, storage.AuthMethodPost, storage.AuthMethodPrivateKeyJWT, storage.AuthMethodTLS, storage.AuthMethodSelfSignedTLS, storage.AuthMethodNone},
	"profile":      named(storage.ProfileFAPI2, storage.ProfileFAPI2Signing),
	"id-token-alg": {"ES256", "RS256"},
	"acr":          named(authz.ACRs()...),
	"needs-acr":    named(authz.ACRs()...),
	"protocol":     {storage.ProtocolWebhook, storage.ProtocolSET},
	"subject":      named(storage.SubjectID, storage.SubjectUsername, storage.SubjectEmail),
	"vouches-for":  named(storage.VouchesForPeople, storage.VouchesForSoftware),
	"language":     {"en", "de", "es", "fr", "ja", "ar"},
	"format":       named(records.CSV, records.NDJSON, records.Names),
}

func named[T ~string](values ...T) []string {
	var names []string
	for _, v := range values {
		names = append(names, string(v))
	}
	return names
}

// placeholder is an argument in the usage of a command, such as USER.
var placeholder = regexp.MustCompile(`^\[?[A-Z][A-Z-]*\]?$`)

// completable tells the shell what may stand behind flags and as arguments: the words
// above, files where a file is read, and nothing where a name is meant that only the
// server knows.
func completable(cmd *cobra.Command) {
	flags := func(f *pflag.Flag) {
		complete := cobra.NoFileCompletions
		if words, few := choices[f.Name]; few {
			complete = cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
		}
		if f.Value.Type() != "bool" && !isPath(f.Name) {
			if err := cmd.RegisterFlagCompletionFunc(f.Name, complete); err != nil {
				panic(err) // each flag is seen at the one command that declares it
			}
		}
	}
	cmd.LocalNonPersistentFlags().VisitAll(flags)
	cmd.PersistentFlags().VisitAll(flags)
	if !cmd.HasSubCommands() && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = completeArgument
	}
	for _, child := range cmd.Commands() {
		completable(child)
	}
}

func isPath(flag string) bool {
	return flag == config.FileFlag || strings.HasSuffix(flag, "file") || strings.HasSuffix(flag, "dir")
}

func completeArgument(cmd *cobra.Command, before []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, word := range strings.Fields(cmd.Use)[1:] {
		if !placeholder.MatchString(word) {
			break // a flag: arguments stand before
		}
		names = append(names, strings.Trim(word, "[]"))
	}
	switch {
	case len(before) >= len(names):
	case names[len(before)] == "FILE":
		return nil, cobra.ShellCompDirectiveDefault
	case names[len(before)] == "ROLE":
		return choices["role"], cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
