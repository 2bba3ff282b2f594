<?php

use App\Http\Controllers\AskController;
use Illuminate\Support\Facades\Route;

Route::get('/ask', [AskController::class, 'ask']);
Route::get('/orders', [AskController::class, 'orders']);
