// An array of xtensor's whose memory Python sees through the buffer protocol; built by __main__.py where there is xtensor.
#include <pybind11/pybind11.h>
#if __has_include(<xtensor/xarray.hpp>)
#include <xtensor/xarray.hpp>
#else
#include <xtensor/containers/xarray.hpp>
#endif

namespace py = pybind11;
using Array = xt::xarray<double>;

PYBIND11_MODULE(xtensor_arrays, module) {
    py::class_<Array>(module, "Array", py::buffer_protocol())
        .def(py::init([](py::ssize_t count) { return Array::from_shape({static_cast<std::size_t>(count)}); }))
        .def_buffer([](Array &array) {
            return py::buffer_info(array.data(), sizeof(double), py::format_descriptor<double>::format(), 1,
                                   {static_cast<py::ssize_t>(array.size())}, {static_cast<py::ssize_t>(sizeof(double))});
        });
}
