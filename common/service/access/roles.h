// Who may call what on the control plane. A role contains those before it.
#ifndef COMMON_SERVICE_ACCESS_ROLES_H_
#define COMMON_SERVICE_ACCESS_ROLES_H_

#include <optional>
#include <string_view>
#include <vector>

namespace mentat::service {

enum class Role { kNone, kViewer, kOperator, kAdmin };

// `none`, `viewer`, `operator`, `admin`.
std::string_view RoleName(Role role);
std::optional<Role> ParseRole(std::string_view name);

// What a method asks of its callers.
struct MethodRule {
  std::string_view method;  // `/mentat.stage.v1.StageAdmin/Pause`
  Role role = Role::kAdmin;
  bool changes = true;  // whether its calls go into the audit record
};

// The rule of a method; of one that stands in no list: admin alone, and audited. A list has every
// method of the project's services, so that a new one is shut until it is thought about.
MethodRule RuleOf(std::string_view method);
// Whether the method stands in the list.
bool HasRule(std::string_view method);

}  // namespace mentat::service

#endif  // COMMON_SERVICE_ACCESS_ROLES_H_
