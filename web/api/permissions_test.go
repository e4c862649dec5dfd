package api_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
)

var update = flag.Bool("update", false, "write the generated page anew")

const permissionsPage = "../../docs/permissions.md"

// The page is the list of operations and the roles as an empty deployment has them,
// so it cannot say what the server does not do; TestM2_RolesTimesRoutes tries it.
func TestPermissionsPage(t *testing.T) {
	t.Parallel()
	h := house(t)
	document := call(h, "", "GET", "/openapi.json", "")
	var lines []string
	for path, methods := range document.JSON["paths"].(map[string]any) {
		for method, o := range methods.(map[string]any) {
			operation := o.(map[string]any)
			line := fmt.Sprintf("| %s | `%s %s` |", operation["summary"], strings.ToUpper(method), path)
			for _, role := range authz.Roles() {
				line += " " + verdict(opened(t, h, role, operation), operation) + " |"
			}
			line += " " + tenantVerdict(operation) + " |"
			var scopes []string
			for _, alternative := range operation["security"].([]any) {
				for _, list := range alternative.(map[string]any) {
					scopes = append(scopes, fmt.Sprintf("`%s`", list.([]any)[0]))
				}
			}
			// By path, then by method.
			lines = append(lines, path+" "+method+"\x00"+line+" "+strings.Join(scopes, " or ")+" |")
		}
	}
	slices.Sort(lines)
	page := permissionsHead
	for _, line := range lines {
		_, line, _ = strings.Cut(line, "\x00")
		page += line + "\n"
	}
	if *update {
		if err := os.WriteFile(permissionsPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(permissionsPage); err != nil || string(have) != page {
		t.Errorf("%s is stale: go test ./web/api -run TestPermissionsPage -update (%v)", permissionsPage, err)
	}
}

func verdict(opens bool, operation map[string]any) string {
	switch {
	case !opens:
		return "–"
	case operation["tags"].([]any)[0] == "me":
		return "own"
	}
	return "yes"
}

// inTenant is what the administrator of one tenant may do there, which
// TestM3_TenantAdministrator tries.
var inTenant = []string{
	"listUsers", "countUsers", "exportUsers", "getUser", "inviteUser", "listTenants", "getTenant", "listProjects", "getProject",
	"listGroups", "getGroup", "createGroup", "renameGroup", "deleteGroup", "setGroupScopes", "listMembers", "addMember", "removeMember",
}

func tenantVerdict(operation map[string]any) string {
	switch {
	case slices.Contains(inTenant, operation["operationId"].(string)):
		return "there"
	case operation["tags"].([]any)[0] == "me":
		return "own"
	}
	return "–"
}

const permissionsHead = `# Who may do what

Generated from the operations of the API and the roles of a new deployment by
` + "`go test ./web/api -run TestPermissionsPage -update`" + `. The command line does each of these
by the same operation.

- *own*: on one's own record alone. No path names whose.
- A role is what it holds: ` + "`gatehouse admin roles list`" + ` shows it, and an owner can change it.
  A token opens an operation with one of the scopes in the last column where the role of its
  user gives that scope.
- *there*: the administrator of one tenant, who holds ` + "`users:manage`" + ` by a group of that tenant, may do it
  in that tenant. No other tenant exists for them.
- Nobody gives what they do not hold. Nobody makes, changes or removes a person or a client who
  holds a reserved scope that they lack, so owners are the owners' business. The last owner stays.
- What belongs to another tenant is *not found*, never *forbidden*.
- The API answers where the pages do, so that the command line and the programs of a tenant reach
  it, and nothing but a token opens it: one of this issuer, for this API, alive at this moment, with a
  scope below. A cookie opens nothing, nor does an address in the network. Only the description
  of the API is for everybody. What has no token of its own, metrics and profiles, answers on
  ` + "`admin_listen`" + ` alone, which belongs on an address that operators reach.

| operation | address | viewer | user | admin | owner | tenant administrator | scope |
|---|---|---|---|---|---|---|---|
`
