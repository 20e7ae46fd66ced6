// libpqxx 6 forgets the result of a parameterised query that fails because the connection broke:
// some 2 KB, once for each lost connection. Tests of outages under the address sanitizer are not to
// fail for it.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libpqxx\n"; }
