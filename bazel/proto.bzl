"""C++ (and gRPC) code from .proto files, by the system's protoc."""

def mentat_proto_library(name, srcs, deps = [], grpc = False, visibility = None):
    """A cc_library of the code that protoc makes of `srcs`.

    Args:
      name: of the cc_library.
      srcs: .proto files, relative to //proto.
      deps: other mentat_proto_library targets that these files import.
      grpc: whether the files declare services.
      visibility: as ever.
    """
    outs = []
    for src in srcs:
        stem = src[:-len(".proto")]
        outs += [stem + ".pb.h", stem + ".pb.cc"]
        if grpc:
            outs += [stem + ".grpc.pb.h", stem + ".grpc.pb.cc"]
    flags = "--cpp_out=$(RULEDIR)"
    if grpc:
        flags += " --grpc_out=$(RULEDIR) --plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin"
    native.filegroup(
        name = name + "_srcs",
        srcs = srcs + [dep + "_srcs" for dep in deps],
        visibility = ["//visibility:public"],
    )
    native.genrule(
        name = name + "_gen",
        srcs = [":" + name + "_srcs"],
        outs = outs,
        cmd = "/usr/bin/protoc -I proto -I /usr/include %s %s" % (
            flags,
            " ".join(["proto/" + src for src in srcs]),
        ),
    )
    native.cc_library(
        name = name,
        srcs = [out for out in outs if out.endswith(".cc")],
        hdrs = [out for out in outs if out.endswith(".h")],
        copts = ["-w"],
        includes = ["."],
        deps = deps + ["@system//:protobuf"] + (["@system//:grpc"] if grpc else []),
        visibility = visibility or ["//visibility:public"],
    )
