// How the standard library of C++ gives up: its own way would write to streams that a component does not have.

#include <version>

_LIBCPP_BEGIN_NAMESPACE_STD
[[noreturn]] void __libcpp_verbose_abort(const char *, ...) noexcept
{
    __builtin_trap();
}
_LIBCPP_END_NAMESPACE_STD
